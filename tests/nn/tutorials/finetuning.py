"""A network that was trained for some digits, frozen, and given a new head for the others.

What else than imports is not as in PyTorch:

- `torch.manual_seed(...)`: `rng = np.random.default_rng(...)`, which goes to whatever draws, since there is no global
  state: to layers, `DataLoader` and functions, as `rng=rng`.
- `torch.tensor(a, dtype=torch.float32)`: `Tensor(a, dtype=np.float32)`.
- `t.unsqueeze(1)`: `np.expand_dims(t, 1)`.
- `t.view(...)`, `t.size(0)`: `t.reshape(...)`, `t.shape[0]`, as of arrays.
- `torch.flatten(x, 1)`: `F.flatten(x, 1)`. `torch.set_grad_enabled`: `set_grad_enabled`, of `autograd_np`.
- `_, preds = torch.max(t, 1)`: `preds = np.argmax(t, 1)`. `np.max` has the values alone.
- `torch.sum`: `np.sum`. `t.double()`: nothing, since a quotient of integers is in double precision.
"""

import copy

import numpy as np
from sklearn.datasets import load_digits

import nn
from autograd_np import Tensor, set_grad_enabled
from nn import functional as F
from nn import optim
from nn.data import DataLoader, TensorDataset
from nn.optim import lr_scheduler


class Backbone(nn.Module):
    def __init__(self, num_classes, rng):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1, rng=rng),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1, rng=rng),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d((2, 2)),
        )
        self.fc = nn.Linear(16 * 2 * 2, num_classes, rng=rng)

    def forward(self, x):
        x = self.features(x)
        x = F.flatten(x, 1)
        return self.fc(x)


def train_model(model, dataloaders, criterion, optimizer, scheduler, num_epochs=3):
    dataset_sizes = {x: len(dataloaders[x].dataset) for x in ["train", "val"]}
    best_model_wts = copy.deepcopy(model.state_dict())
    best_acc = 0.0
    for _ in range(num_epochs):
        # Each epoch has a training and validation phase
        for phase in ["train", "val"]:
            if phase == "train":
                model.train()
            else:
                model.eval()
            running_loss = 0.0
            running_corrects = 0
            for inputs, labels in dataloaders[phase]:
                # zero the parameter gradients
                optimizer.zero_grad()
                # forward; track history if only in train
                with set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    preds = np.argmax(outputs, 1)
                    loss = criterion(outputs, labels)
                    # backward + optimize only if in training phase
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                # statistics
                running_loss += loss.item() * inputs.shape[0]
                running_corrects += np.sum(preds == labels.data)
            if phase == "train":
                scheduler.step()
            epoch_loss = running_loss / dataset_sizes[phase]
            epoch_acc = running_corrects / dataset_sizes[phase]
            print(f"{phase} Loss: {epoch_loss:.4f} Acc: {epoch_acc:.4f}")
            # deep copy the model
            if phase == "val" and epoch_acc > best_acc:
                best_acc = epoch_acc
                best_model_wts = copy.deepcopy(model.state_dict())
    # load best model weights
    model.load_state_dict(best_model_wts)
    return model, best_acc


def loaders(images, labels, cut, rng):
    return {
        "train": DataLoader(TensorDataset(images[:cut], labels[:cut]), batch_size=50, shuffle=True, rng=rng),
        "val": DataLoader(TensorDataset(images[cut:], labels[cut:]), batch_size=200),
    }


def main():
    rng = np.random.default_rng(0)
    digits = load_digits()
    images = np.expand_dims(Tensor(digits.images / 16, dtype=np.float32), 1)
    labels = Tensor(digits.target)
    criterion = nn.CrossEntropyLoss()

    # What the backbone was trained for: the digits 0 to 5
    old = labels < 6
    model = Backbone(6, rng)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    model, old_acc = train_model(model, loaders(images[old], labels[old], 800, rng), criterion, optimizer, scheduler, 3)

    # Freeze it, and give it a new head for the digits 6 to 9
    for param in model.parameters():
        param.requires_grad = False
    num_ftrs = model.fc.in_features
    model.fc = nn.Linear(num_ftrs, 4, rng=rng)
    before = copy.deepcopy(model.state_dict())
    optimizer = optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.05, momentum=0.9)
    scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    new = labels >= 6
    dataloaders = loaders(images[new], labels[new] - 6, 500, rng)
    model, new_acc = train_model(model, dataloaders, criterion, optimizer, scheduler, 4)
    return old_acc.item(), new_acc.item(), before, model.state_dict()


if __name__ == "__main__":
    print(main()[:2])
