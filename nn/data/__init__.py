"""Data: examples, the batches that a training loop takes them in, and images to try it on.

The rooms: `batches` has rows of arrays in a random order, on which all else stands; `datasets` what holds examples,
`collate` what makes a batch of them, `loader` what goes through them; `images` reads images with their labels,
`augmentation` varies them.
"""

from nn.data.augmentation import (
    Compose,
    GaussianNoise,
    RandomAffine,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
)
from nn.data.batches import Batches
from nn.data.collate import default_collate
from nn.data.datasets import ConcatDataset, Dataset, IterableDataset, Subset, TensorDataset, random_split
from nn.data.images import LabelledImages, load, read_idx
from nn.data.loader import DataLoader

__all__ = [
    "Batches",
    "Compose",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "GaussianNoise",
    "IterableDataset",
    "LabelledImages",
    "RandomAffine",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Subset",
    "TensorDataset",
    "default_collate",
    "load",
    "random_split",
    "read_idx",
]
