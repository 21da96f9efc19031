"""A convolutional network that reads handwritten digits, with epochs of `train` and `test`.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.device`, `.to(device)`: nothing, since everything is computed on the CPU.
- `torch.tensor(a, dtype=torch.float32)`: `Tensor(a, dtype=np.float32)`.
- `t.unsqueeze(1)`: `np.expand_dims(t, 1)`.
- `torch.flatten(x, 1)`: `F.flatten(x, 1)`.
- `torch.no_grad()`: `no_grad()`, of `autograd_np`.
- `t.argmax(dim=1, keepdim=True)`: `t.argmax(axis=1, keepdims=True)`, NumPy's keywords.
- `pred.eq(target.view_as(pred))`: `pred == target.reshape(pred.shape)`.
"""

import numpy as np
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor, no_grad
from nn import functional as F
from nn import optim
from nn.data import DataLoader, TensorDataset
from nn.optim.lr_scheduler import StepLR


class Net(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, 1, rng=rng)
        self.conv2 = nn.Conv2d(8, 16, 3, 1, rng=rng)
        self.dropout1 = nn.Dropout(0.1, rng=rng)
        self.dropout2 = nn.Dropout(0.2, rng=rng)
        self.fc1 = nn.Linear(64, 32, rng=rng)
        self.fc2 = nn.Linear(32, 10, rng=rng)

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(x)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = F.flatten(x, 1)
        x = self.fc1(x)
        x = F.relu(x)
        x = self.dropout2(x)
        x = self.fc2(x)
        return F.log_softmax(x, dim=1)


def train(model, train_loader, optimizer, epoch, log_interval=10):
    model.train()
    losses = []
    for batch_idx, (data, target) in enumerate(train_loader):
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if batch_idx % log_interval == 0:
            print(
                f"Train Epoch: {epoch} [{batch_idx * len(data)}/{len(train_loader.dataset)} "
                f"({100.0 * batch_idx / len(train_loader):.0f}%)]\tLoss: {loss.item():.6f}"
            )
    return losses


def test(model, test_loader):
    model.eval()
    test_loss = 0
    correct = 0
    with no_grad():
        for data, target in test_loader:
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()  # sum up batch loss
            pred = output.argmax(axis=1, keepdims=True)  # get the index of the max log-probability
            correct += (pred == target.reshape(pred.shape)).sum().item()
    test_loss /= len(test_loader.dataset)
    accuracy = correct / len(test_loader.dataset)
    print(f"Test set: Average loss: {test_loss:.4f}, Accuracy: {correct}/{len(test_loader.dataset)}")
    return test_loss, accuracy


def loaders(rng, batch_size=64):
    digits = load_digits()
    images = np.expand_dims(Tensor(digits.images / 16, dtype=np.float32), 1)
    labels = Tensor(digits.target)
    train_loader = DataLoader(TensorDataset(images[:1400], labels[:1400]), batch_size=batch_size, shuffle=True, rng=rng)
    test_loader = DataLoader(TensorDataset(images[1400:], labels[1400:]), batch_size=200)
    return train_loader, test_loader


def main(epochs=5, seed=0):
    rng = np.random.default_rng(seed)
    train_loader, test_loader = loaders(rng)
    model = Net(rng)
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.9)
    for epoch in range(1, epochs + 1):
        train(model, train_loader, optimizer, epoch)
        test_loss, accuracy = test(model, test_loader)
        scheduler.step()
    return test_loss, accuracy, scheduler.get_last_lr()


if __name__ == "__main__":
    print(main())
