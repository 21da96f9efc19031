"""A training that is saved, and goes on from the file as if nothing had been between.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.Generator().manual_seed(i)`: `np.random.default_rng(i)`.
- `torch.randn(n, m)`: `Tensor(rng.normal(size=(n, m)), dtype=np.float32)`.
- `torch.tanh`: `np.tanh`.
- `torch.save`, `torch.load`: `nn.save`, `nn.load`, which write and read safetensors and no pickles.
"""

import os
import tempfile

import numpy as np

import nn
from autograd_np import Tensor
from nn import optim


class Net(nn.Module):
    def __init__(self, rng):
        super().__init__()
        self.fc1 = nn.Linear(3, 16, rng=rng)
        self.bn1 = nn.BatchNorm1d(16)
        self.fc2 = nn.Linear(16, 1, rng=rng)

    def forward(self, x):
        return self.fc2(np.tanh(self.bn1(self.fc1(x))))


def batch(i):
    generator = np.random.default_rng(i)
    x = Tensor(generator.normal(size=(32, 3)), dtype=np.float32)
    return x, x[:, :1] * x[:, 1:2] - x[:, 2:]


def make(rng):
    net = Net(rng)
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.8)
    return net, optimizer, scheduler


def train(net, optimizer, scheduler, epochs, steps=8):
    criterion = nn.MSELoss()
    losses = []
    for epoch in epochs:
        net.train()
        for i in range(steps):
            inputs, targets = batch(epoch * steps + i)
            optimizer.zero_grad()
            loss = criterion(net(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
    return losses


def main(epochs=20, stop=8):
    rng = np.random.default_rng(0)
    net, optimizer, scheduler = make(rng)
    first = train(net, optimizer, scheduler, range(stop))

    with tempfile.TemporaryDirectory() as folder:
        PATH = os.path.join(folder, "model.safetensors")
        nn.save(
            {
                "epoch": stop,
                "model_state_dict": net.state_dict(),
                "optimizer_state_dict": optimizer.state_dict(),
                "scheduler_state_dict": scheduler.state_dict(),
                "loss": first[-1],
            },
            PATH,
        )
        unbroken = first + train(net, optimizer, scheduler, range(stop, epochs))

        net, optimizer, scheduler = make(rng)
        checkpoint = nn.load(PATH)
    net.load_state_dict(checkpoint["model_state_dict"])
    optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
    scheduler.load_state_dict(checkpoint["scheduler_state_dict"])
    epoch = checkpoint["epoch"]
    resumed = first + train(net, optimizer, scheduler, range(epoch, epochs))
    return unbroken, resumed, scheduler.get_last_lr()


if __name__ == "__main__":
    unbroken, resumed, rate = main()
    print(unbroken[0], unbroken[-1], unbroken == resumed, rate)
