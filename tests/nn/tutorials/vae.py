"""A variational autoencoder: codes are drawn, and pictures from drawn codes look like those seen.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.tensor(a, dtype=torch.float32)`: `Tensor(a, dtype=np.float32)`.
- `t.view(...)`, `t.size(0)`: `t.reshape(...)`, `t.shape[0]`, as of arrays.
- `torch.exp`, `torch.sum`, `t.exp()`, `t.pow(2)`: `np.exp`, `np.sum`, `np.exp(t)`, `t**2`.
- `torch.sigmoid`: `F.sigmoid`.
- `torch.randn_like(t)`: `Tensor(rng.normal(size=t.shape), dtype=t.dtype)`, and `torch.randn` alike.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
- `t.cpu()`: `t`.
"""

import numpy as np
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor, no_grad
from nn import functional as F
from nn import optim
from nn.data import DataLoader, TensorDataset


class VAE(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.fc1 = nn.Linear(64, 48, rng=rng)
        self.fc21 = nn.Linear(48, 4, rng=rng)
        self.fc22 = nn.Linear(48, 4, rng=rng)
        self.fc3 = nn.Linear(4, 48, rng=rng)
        self.fc4 = nn.Linear(48, 64, rng=rng)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = np.exp(0.5 * logvar)
        eps = Tensor(self.rng.normal(size=std.shape), dtype=std.dtype)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return F.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.reshape(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


# Reconstruction + KL divergence losses summed over all elements and batch
def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.reshape(-1, 64), reduction="sum")
    KLD = -0.5 * np.sum(1 + logvar - mu**2 - np.exp(logvar))
    return BCE + KLD


def train(model, train_loader, optimizer, epoch):
    model.train()
    train_loss = 0
    for data, _ in train_loader:
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    train_loss /= len(train_loader.dataset)
    print(f"====> Epoch: {epoch} Average loss: {train_loss:.4f}")
    return train_loss


def test(model, test_loader):
    model.eval()
    test_loss = 0
    with no_grad():
        for data, _ in test_loader:
            recon_batch, mu, logvar = model(data)
            test_loss += loss_function(recon_batch, data, mu, logvar).item()
    return test_loss / len(test_loader.dataset)


def main(epochs=20):
    rng = np.random.default_rng(1)
    digits = load_digits()
    images = Tensor(digits.images / 16, dtype=np.float32)
    labels = Tensor(digits.target)
    train_loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=64, shuffle=True, rng=rng)
    test_loader = DataLoader(TensorDataset(images[1500:], labels[1500:]), batch_size=64)
    model = VAE(rng)
    optimizer = optim.Adam(model.parameters(), lr=5e-3)
    losses = [train(model, train_loader, optimizer, epoch) for epoch in range(1, epochs + 1)]
    test_loss = test(model, test_loader)
    with no_grad():
        sample = Tensor(rng.normal(size=(16, 4)), dtype=np.float32)
        sample = model.decode(sample)
    return losses, test_loss, sample.reshape(16, 8, 8).numpy()


if __name__ == "__main__":
    losses, test_loss, sample = main()
    print(losses[0], losses[-1], test_loss, sample.shape)
