"""An autoencoder, which learns six numbers that say what a picture looks like.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.tensor(a, dtype=torch.float32)`: `Tensor(a, dtype=np.float32)`.
- `t.view(...)`, `t.size(0)`: `t.reshape(...)`, `t.shape[0]`, as of arrays.
- `torch.optim.Adam`: `nn.optim.Adam`.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
- `codes.cpu().numpy()`: `codes.numpy()`.
"""

import numpy as np
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor, no_grad
from nn.data import DataLoader


class Autoencoder(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(8 * 8, 32, rng=rng),
            nn.ReLU(True),
            nn.Linear(32, 16, rng=rng),
            nn.ReLU(True),
            nn.Linear(16, 6, rng=rng),
        )
        self.decoder = nn.Sequential(
            nn.Linear(6, 16, rng=rng),
            nn.ReLU(True),
            nn.Linear(16, 32, rng=rng),
            nn.ReLU(True),
            nn.Linear(32, 8 * 8, rng=rng),
            nn.Sigmoid(),
        )

    def forward(self, x):
        x = self.encoder(x)
        return self.decoder(x)


def main(num_epochs=15, batch_size=64, learning_rate=5e-3):
    rng = np.random.default_rng(0)
    images = Tensor(load_digits().images / 16, dtype=np.float32)
    dataloader = DataLoader(images, batch_size=batch_size, shuffle=True, rng=rng)
    model = Autoencoder(rng)
    criterion = nn.MSELoss()
    optimizer = nn.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=1e-5)
    losses = []
    for epoch in range(num_epochs):
        for data in dataloader:
            img = data
            img = img.reshape(img.shape[0], -1)
            output = model(img)
            loss = criterion(output, img)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch [{epoch + 1}/{num_epochs}], loss:{loss.item():.4f}")
    with no_grad():
        codes = model.encoder(images.reshape(images.shape[0], -1))
    return losses, codes.numpy()


if __name__ == "__main__":
    losses, codes = main()
    print(losses[0], losses[-1], codes.shape)
