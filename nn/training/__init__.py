"""Training a model, judging it, and asking it: the loops that everybody writes."""

from nn.training import callbacks
from nn.training.checkpoints import Checkpoints
from nn.training.fit import fit
from nn.training.judging import accuracy, evaluate, predict
from nn.training.run import Callback, History, Run

__all__ = ["Callback", "Checkpoints", "History", "Run", "accuracy", "callbacks", "evaluate", "fit", "predict"]
