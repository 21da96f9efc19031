"""Functions of `scipy.sparse` for tensors; products `S @ t` and `t @ S` need none."""

from autograd_np.scipy.sparse import linalg

__all__ = ["linalg"]
