"""What PyTorch, NumPy, JAX and HIPS autograd have that is not here, and what to write: for messages and readers."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, Literal, NamedTuple, NoReturn, TypeVar

__all__ = ["Absent", "Place", "Row", "absent", "hint", "numpy_keywords", "print_names", "refuse", "rows"]

Place = Literal["Tensor", "Module", "nn", "nn.functional", "nn.optim", "autograd_np"]
F = TypeVar("F", bound=Callable[..., Any])

# Each row has PyTorch's expressions, an arrow, and Python for here, perhaps with a remark, or a remark alone. In it, t,
# u and x are tensors, i, j and y integer arrays, mask is a boolean one, F is torch.nn.functional.
_TABLE = """
t.size() -> t.shape
t.size(0) -> t.shape[0]
t.dim() or t.ndimension() -> t.ndim
t.numel() or t.nelement() -> t.size
t.device or t.get_device() or torch.device("cpu") -> # everything is computed on the CPU
t.cpu() or t.cuda() or t.to("cpu") or t.pin_memory() -> t  # everything is computed on the CPU
t.is_cuda or torch.cuda.is_available() -> False
t.contiguous() -> t  # no operation asks for an order in memory
t.clone() or torch.clone(t) -> t.copy()
t.grad_fn -> autograd_np.print_tape(loss)  # or draw(loss): what leads to a tensor
t.requires_grad_() -> t.requires_grad = True  # or False
t.detach_() -> t = t.detach()

t.to(torch.float64) or t.double() or t.type(torch.float64) -> t.astype(np.float64)
t.float() -> t.astype(np.float32)
t.half() -> t.astype(np.float16)
t.long() -> t.astype(np.int64)
t.int() -> t.astype(np.int32)
t.bool() -> t.astype(bool)
t.type_as(u) or t.to(u.dtype) -> t.astype(u.dtype)
t.is_floating_point() -> t.dtype.kind == "f"
t.new_zeros(2, 3) -> Tensor(np.zeros((2, 3)), dtype=t.dtype)
t.new_ones(2, 3) -> Tensor(np.ones((2, 3)), dtype=t.dtype)

t.view(3, 2) or torch.reshape(t, (3, 2)) -> t.reshape(3, 2)
t.view_as(u) or t.reshape_as(u) -> t.reshape(u.shape)
t.flatten(1) or torch.flatten(t, 1) -> t.reshape(len(t), -1)
t.unflatten(1, (3, 1)) -> t.reshape(2, 3, 1)
t.unsqueeze(0) or torch.unsqueeze(t, 0) -> np.expand_dims(t, 0)
t.squeeze_() -> t = t.squeeze()
t.unsqueeze_(0) -> t = np.expand_dims(t, 0)
t.permute(1, 0) or torch.permute(t, (1, 0)) -> t.transpose(1, 0)
t.transpose(0, 1) or torch.transpose(t, 0, 1) -> t.swapaxes(0, 1)  # NumPy's transpose takes the new order of all axes
t.t() or torch.t(t) -> t.T
t.movedim(0, 1) or torch.movedim(t, 0, 1) -> np.moveaxis(t, 0, 1)
t.expand(2, 2, 3) -> np.broadcast_to(t, (2, 2, 3))
t.expand_as(u) -> np.broadcast_to(t, u.shape)
t.repeat(2, 1) or t.tile(2, 1) or torch.tile(t, (2, 1)) -> np.tile(t, (2, 1))
t.repeat_interleave(2, dim=0) or torch.repeat_interleave(t, 2, dim=0) -> np.repeat(t, 2, axis=0)
t.flip(0) or torch.flip(t, (0,)) -> np.flip(t, 0)
t.roll(1, 0) or torch.roll(t, 1, 0) -> np.roll(t, 1, 0)
t.tril() or torch.tril(t) -> np.tril(t)
t.triu() or torch.triu(t) -> np.triu(t)
t.diag() or torch.diag(t) -> np.diag(t)

t.select(1, 0) -> t[:, 0]
t.narrow(1, 0, 2) -> t[:, 0:2]
t.unbind() or torch.unbind(t) -> list(t)
t.chunk(2) or torch.chunk(t, 2) -> np.split(t, 2)  # in parts of one length
t.split([1, 2], dim=1) or torch.split(t, [1, 2], dim=1) -> np.split(t, [1], axis=1)  # where to cut, not the lengths
t.index_select(0, i) or torch.index_select(t, 0, i) -> np.take(t, i, axis=0)
t.gather(1, j) or torch.gather(t, 1, j) -> np.take_along_axis(t, j, axis=1)
t.masked_select(mask) or torch.masked_select(t, mask) -> t[mask]
t.masked_fill(mask, 0.0) -> np.where(mask, 0.0, t)
t.where(mask, u) or torch.where(mask, t, u) -> np.where(mask, t, u)
t.nonzero() or torch.nonzero(t) -> np.argwhere(t)
t.sort(dim=0) or torch.sort(t, dim=0) -> np.sort(t, axis=0), t.argsort(axis=0)
t.topk(2) or torch.topk(t, 2) -> np.flip(np.sort(t), -1)[..., :2], np.flip(t.argsort(), -1)[..., :2]

t.add_(u) -> t += u
t.sub_(u) -> t -= u
t.mul_(u) -> t *= u
t.div_(u) -> t /= u
t.zero_() -> t[...] = 0
t.fill_(1.5) -> t[...] = 1.5
t.copy_(u) -> t[...] = u
t.clamp_(0, 0.5) -> t = t.clip(0, 0.5)
t.masked_fill_(mask, 0.0) -> t[mask] = 0.0
t.uniform_() -> nn.init.uniform_(t)
t.normal_() -> nn.init.normal_(t)

t.add(u) or torch.add(t, u) -> t + u
t.sub(u) or torch.sub(t, u) -> t - u
t.mul(u) or torch.mul(t, u) -> t * u
t.div(u) or torch.div(t, u) -> t / u
t.neg() or torch.neg(t) -> -t
t.pow(2) or torch.pow(t, 2) -> t**2
t.rsqrt() or torch.rsqrt(t) -> 1 / np.sqrt(t)
t.sigmoid() or torch.sigmoid(t) -> nn.functional.sigmoid(t)
t.relu() or torch.relu(t) -> nn.functional.relu(t)
t.softmax(dim=1) or torch.softmax(t, dim=1) -> nn.functional.softmax(t, axis=1)
t.log_softmax(dim=1) or torch.log_softmax(t, dim=1) -> nn.functional.log_softmax(t, axis=1)
t.logsumexp(dim=1) or torch.logsumexp(t, dim=1) -> nn.functional.logsumexp(t, axis=1)
t.clamp(0, 0.5) or torch.clamp(t, 0, 0.5) -> t.clip(0, 0.5)
t.erf() or torch.erf(t) -> scipy.special.erf(t)
t.lgamma() or torch.lgamma(t) -> scipy.special.gammaln(t)
t.atan2(u) or torch.atan2(t, u) -> np.arctan2(t, u)
t.eq(u) or torch.eq(t, u) -> t == u
t.ne(u) or torch.ne(t, u) -> t != u
t.lt(u) or torch.lt(t, u) -> t < u
t.le(u) or torch.le(t, u) -> t <= u
t.gt(u) or torch.gt(t, u) -> t > u
t.ge(u) or torch.ge(t, u) -> t >= u
t.equal(u) or torch.equal(t, u) -> np.array_equal(t, u)
t.allclose(u) or torch.allclose(t, u) -> np.allclose(t, u)

t.sum(dim=1, keepdim=True) or torch.sum(t, dim=1, keepdim=True) -> t.sum(axis=1, keepdims=True)
t.argmax(dim=1) or torch.argmax(t, dim=1) -> t.argmax(axis=1)
torch.argmin(t, dim=1) -> t.argmin(axis=1)
torch.mean(t, dim=1) -> t.mean(axis=1)
torch.prod(t, dim=1) -> t.prod(axis=1)
torch.cumsum(t, dim=1) -> t.cumsum(axis=1)
t.max(dim=1) or torch.max(t, dim=1) -> t.max(axis=1), t.argmax(axis=1)
t.min(dim=1) or torch.min(t, dim=1) -> t.min(axis=1), t.argmin(axis=1)
t.amax(dim=1) or torch.amax(t, dim=1) -> t.max(axis=1)
t.amin(dim=1) or torch.amin(t, dim=1) -> t.min(axis=1)
t.std() or torch.std(t) -> t.std(ddof=1)  # NumPy divides by n, PyTorch by n - 1
t.var() or torch.var(t) -> t.var(ddof=1)  # NumPy divides by n, PyTorch by n - 1
t.median() or torch.median(t) -> np.sort(t.ravel())[(t.size - 1) // 2]  # np.median(t) is the mean of the middle two
t.norm() or torch.norm(t) -> np.linalg.norm(t)
t.mm(u.T) or t.matmul(u.T) or torch.mm(t, u.T) or torch.matmul(t, u.T) -> t @ u.T
t[None].bmm(u.mT[None]) or torch.bmm(t[None], u.mT[None]) -> t[None] @ u.mT[None]
t.mv(u[0]) or torch.mv(t, u[0]) -> t @ u[0]
t[0].outer(u[0]) or torch.outer(t[0], u[0]) -> np.outer(t[0], u[0])
t[:, :2].det() or torch.det(t[:, :2]) -> np.linalg.det(t[:, :2])
t[:, :2].inverse() or torch.inverse(t[:, :2]) -> np.linalg.inv(t[:, :2])

torch.tensor([1.0, 2.0]) or torch.as_tensor([1.0, 2.0]) -> Tensor([1.0, 2.0], dtype=np.float32)
torch.from_numpy(a) -> Tensor(a)  # a copy
torch.zeros(2, 3) -> Tensor(np.zeros((2, 3)), dtype=np.float32)
torch.ones(2, 3) -> Tensor(np.ones((2, 3)), dtype=np.float32)
torch.full((2, 3), 7.0) -> Tensor(np.full((2, 3), 7.0), dtype=np.float32)
torch.eye(3) -> Tensor(np.eye(3), dtype=np.float32)
torch.arange(3) -> np.arange(3)  # tensors and arrays mix
torch.linspace(0, 1, 5) -> Tensor(np.linspace(0, 1, 5), dtype=np.float32)
torch.randn(2, 3) -> Tensor(np.random.default_rng(0).normal(size=(2, 3)), dtype=np.float32)
torch.rand(2, 3) -> Tensor(np.random.default_rng(0).random((2, 3)), dtype=np.float32)
torch.randn_like(t) -> Tensor(np.random.default_rng(0).normal(size=t.shape), dtype=t.dtype)
torch.rand_like(t) -> Tensor(np.random.default_rng(0).random(t.shape), dtype=t.dtype)
torch.randint(5, (2, 3)) -> np.random.default_rng(0).integers(5, size=(2, 3))
torch.randperm(5) -> np.random.default_rng(0).permutation(5)
torch.bernoulli(t) -> np.random.default_rng(0).random(t.shape) < t
torch.multinomial(t, 1) -> # rng.choice(len(p), p=p), with rng = np.random.default_rng(0), for each row p of t.data
torch.distributions.Categorical(t)
    -> # rng.choice(len(p), p=p) for each row p of t.data draws, and np.log(t) has the log-probabilities
torch.Generator() -> np.random.default_rng(0)
torch.zeros_like(t) -> np.zeros_like(t)
torch.ones_like(t) -> np.ones_like(t)
torch.cat((t, u), dim=0) or torch.concat((t, u), dim=0) -> np.concatenate((t, u), axis=0)
torch.stack((t, u), dim=0) -> np.stack((t, u), axis=0)
torch.einsum("ij,kj->ik", t, u) -> np.einsum("ij,kj->ik", t, u)
torch.autograd.grad(loss, t) -> autograd_np.gradients(loss, t)
torch.manual_seed(0) -> rng = np.random.default_rng(0)  # to be given wherever something is drawn: rng=rng
torch.is_tensor(t) -> isinstance(t, Tensor)
torch.float32 or torch.float -> np.float32
torch.float64 or torch.double -> np.float64
torch.long or torch.int64 -> np.int64
torch.save(model.state_dict(), path) -> nn.save(model.state_dict(), path)  # or a dict of several; no pickles
torch.load(path) -> nn.load(path)
torch.nn -> import nn
torch.optim -> nn.optim
torch.utils.data.DataLoader(dataset, batch_size=64, shuffle=True)
    -> nn.data.DataLoader(nn.data.TensorDataset(inputs, labels), batch_size=64, shuffle=True)
torch.compile(f) -> autograd_np.compile(f)

model.cpu() or model.cuda() -> model  # everything is computed on the CPU
model.register_full_backward_hook(f)
    -> # the closest are model.register_forward_hook(f), and t.register_hook(f) on what it sees
model.compile() -> nn.compile_step(model, loss, optimizer)

torch.utils.checkpoint.checkpoint(f, t) -> autograd_np.checkpoint(f)(t)
nn.Buffer(a) -> model.register_buffer("name", a)
nn.Transformer() or nn.TransformerDecoder(layer, 2) or nn.TransformerDecoderLayer(4, 2)
    -> # the closest are nn.TransformerEncoder and nn.MultiheadAttention
nn.Conv3d(1, 2, 3) or nn.ConvTranspose3d(1, 2, 3) -> # the closest are nn.Conv2d and nn.ConvTranspose2d
nn.LazyLinear(3) -> # sizes are to be given: nn.Linear(4, 3)
nn.DataParallel(model) -> model  # there are no devices

optim.RAdam(params) or optim.Adadelta(params) or optim.Adamax(params)
    -> # nn.optim has SGD, Adam, AdamW, NAdam, RMSprop, Adagrad and LBFGS
"""

# The same for what an array has and a Tensor has not.
_OF_ARRAYS = """
t.flat -> t.ravel()
t.fill(1.5) -> t[...] = 1.5
t.put([0, 2], 1.5) -> t[np.unravel_index([0, 2], t.shape)] = 1.5
t.sort() -> t = np.sort(t)
t.partition(1) -> t = np.partition(t, 1)
t.argpartition(1) -> np.argpartition(t, 1)
t.searchsorted(0.5) -> np.searchsorted(t.ravel(), 0.5)
t.compress([True, False], axis=0) -> np.compress([True, False], t, axis=0)
t.choose([t, u]) -> np.choose(mask.astype(int), [t, u])
t.resize((3, 2)) -> t = t.reshape(3, 2)
t.tobytes() or t.tofile(path) or t.dump(path) or t.dumps() -> # nn.save(state, path) and nn.load(path) keep tensors
t.to_device("cpu") -> t  # everything is computed on the CPU
"""

# Of transforms. What HIPS autograd and JAX have under the same names as here is left out.
_OF_JAX = """
jax.custom_vjp(f) or jax.custom_jvp(f) -> autograd_np.primitive(f)  # with autograd_np.defvjp(f, lambda g, y, x: ...)
jax.jit(f) -> autograd_np.compile(f)
jax.jacrev(f) or jax.jacfwd(f) -> autograd_np.jacobian(f)
jax.flatten_util.ravel_pytree({"w": t}) -> autograd_np.flatten({"w": t})
jax.lax.stop_gradient(t) -> t.detach()
jax.numpy.tanh(t) -> np.tanh(t)
"""
_OF_HIPS = """
autograd.numpy.tanh(t) -> np.tanh(t)
autograd.extend.defvjp(f, lambda ans, x: lambda g: g) -> # in defvjp(f, lambda g, y, x: ...) the gradient comes first
autograd.misc.flatten({"w": t}) -> autograd_np.flatten({"w": t})
autograd.make_vjp(f)(x) -> autograd_np.vjp(f, x)  # the value comes first
autograd.hessian_vector_product(f)(x, u) -> autograd_np.hvp(f, (x,), (u,))
autograd.holomorphic_grad(f)(t) -> autograd_np.grad(f)(t)
autograd.vector_jacobian_product(np.tanh)(x, u) -> autograd_np.vjp(np.tanh, x)[1](u)
"""

_OF_MEMORY = "base ctypes flags itemsize nbytes strides"

# What NumPy has under PyTorch's name.
_OF_ONE = "abs acos asin atan ceil cos cosh exp exp2 expm1 floor isfinite isinf isnan log log10 log1p log2 reciprocal"
_OF_ONE += " sign sin sinh sqrt square tan tanh trunc"
_OF_TWO = "maximum minimum fmod logaddexp hypot copysign"

_PLACES: dict[str, Place] = {
    "t": "Tensor",
    **dict.fromkeys(["torch", "jax", "autograd"], "autograd_np"),
    "model": "Module",
    "nn": "nn",
    "F": "nn.functional",
    "optim": "nn.optim",
}


Library = Literal["PyTorch", "NumPy", "JAX", "HIPS autograd"]


class Row(NamedTuple):
    """What is written elsewhere, or with an array, and here.

    Attributes
    ----------
    there : tuple of str
        Ways to write it there.
    here : str
        Python for the same; empty where there is nothing of the kind.
    remark : str
        What else there is to say; may be empty.
    library : {"PyTorch", "NumPy", "JAX", "HIPS autograd"}
        Where it is written so.
    """

    there: tuple[str, ...]
    here: str
    remark: str
    library: Library = "PyTorch"


def _read(lines: Sequence[str], library: Library) -> list[Row]:
    found: list[Row] = []
    for line in filter(None, lines):
        there, _, rest = line.partition(" -> ")
        here, _, remark = rest.partition("# ")
        found.append(Row(tuple(there.split(" or ")), here.strip(), remark, library))
    return found


rows = [
    *_read(
        [
            *re.sub(r"\n +", " ", _TABLE).split("\n"),
            *(f"t.{name}() or torch.{name}(t) -> np.{name}(t)" for name in _OF_ONE.split()),
            *(f"t.{name}(u) or torch.{name}(t, u) -> np.{name}(t, u)" for name in _OF_TWO.split()),
        ],
        "PyTorch",
    ),
    *_read([*_OF_ARRAYS.split("\n"), *(f"t.{name} -> t.data.{name}" for name in _OF_MEMORY.split())], "NumPy"),
    *_read(_OF_JAX.split("\n"), "JAX"),
    *_read(_OF_HIPS.split("\n"), "HIPS autograd"),
]
"""The table."""

_hints: dict[tuple[Place, str], list[str]] = {}
for _row in rows:
    for _there in _row.there:
        _match = re.match(r"(\w+)(?:\[.*?\])?\.(\w+)", _there)
        assert _match is not None
        _here = f"`{_row.here}` here" if _row.here else "not here"
        _hints.setdefault((_PLACES[_match[1]], _match[2]), []).append(
            f"{_row.library}'s `{_there}` is {_here}" + (f": {_row.remark}" if _row.remark else "")
        )


def hint(name: str, place: Place = "Tensor") -> str | None:
    """Say what to write for a name of PyTorch's or NumPy's, or return None if nothing is known of it.

    Parameters
    ----------
    name : str
        An attribute.
    place : {"Tensor", "Module", "nn", "nn.functional", "nn.optim", "autograd_np"}
        Of what; `autograd_np` stands for `torch` itself.

    Examples
    --------
    >>> from autograd_np.hints import hint
    >>> hint("view")
    "PyTorch's `t.view(3, 2)` is `t.reshape(3, 2)` here"
    """
    return "; ".join(_hints.get((place, name), [])) or None


def refuse(owner: object, name: str, place: Place) -> NoReturn:
    """Raise the error for an attribute that is not there: Python's own, with the hint if there is one.

    Parameters
    ----------
    owner : object
        What does not have it: of a module's or a class's `__getattr__`, the module or the instance.
    name : str
        The attribute.
    place : str
        See `hint`.

    Raises
    ------
    AttributeError
        Always.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.hints import refuse
    >>> refuse(Tensor(1.0), "view", "Tensor")
    Traceback (most recent call last):
    AttributeError: 'Tensor' object has no attribute 'view': PyTorch's `t.view(3, 2)` is `t.reshape(3, 2)` here
    """
    kind = f"module {owner.__name__!r}" if isinstance(owner, ModuleType) else f"{type(owner).__name__!r} object"
    found = hint(name, place)
    # With the name and its owner, Python adds the nearest name to what it prints.
    raise AttributeError(f"{kind} has no attribute {name!r}" + (f": {found}" if found else ""), name=name, obj=owner)


class Absent:
    """In place of an attribute that a class does not have: reading it raises the error of `refuse`."""

    def __init__(self, name: str, place: Place) -> None:
        self.name = name
        self.place: Place = place

    def __get__(self, owner: object, kind: type) -> NoReturn:
        refuse(kind if owner is None else owner, self.name, self.place)


def absent(place: Place) -> list[Absent]:
    """Return what stands for each name of the table in a class."""
    return [Absent(name, place) for at, name in _hints if at == place]


def print_names() -> None:
    """Print what is written in PyTorch, or with an array of NumPy, beside what is written here.

    Examples
    --------
    >>> from autograd_np import hints
    >>> hints.print_names()
    PyTorch         here
    t.size()        t.shape
    ...
    """
    lines: list[tuple[str, str]] = []
    for library, group in itertools.groupby(rows, lambda row: row.library):
        lines.append((library, "here"))
        for row in group:
            here = row.here + (f"  # {row.remark}" if row.remark else "")
            lines += [(there, here.strip()) for there in row.there]
    width = max(len(there) for there, _ in lines)
    for there, here in lines:
        print(f"{there:{width}}  {here}")


_KEYWORDS = {"dim": "axis", "keepdim": "keepdims", "correction": "ddof"}


def both_keywords(function: F) -> F:
    """Let a function that takes NumPy's keywords take PyTorch's as well.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.hints import both_keywords
    >>> both_keywords(np.sum)([[1, 2], [3, 4]], dim=1)
    array([3, 7])
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for there, here in _KEYWORDS.items():
            if there in kwargs:
                if here in kwargs:
                    raise TypeError(f"{function.__name__}: {there}= is {here}= under PyTorch's name; give one of them")
                kwargs[here] = kwargs.pop(there)
        return function(*args, **kwargs)

    return call  # pyright: ignore[reportReturnType]


def numpy_keywords(function: F) -> F:
    """Let a function that takes NumPy's keywords say so when it is given PyTorch's.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.hints import numpy_keywords
    >>> numpy_keywords(np.sum)([[1, 2], [3, 4]], dim=1)
    Traceback (most recent call last):
    TypeError: sum: dim= is PyTorch's name, here it is axis=
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for name in kwargs:
            if name in _KEYWORDS:
                raise TypeError(f"{function.__name__}: {name}= is PyTorch's name, here it is {_KEYWORDS[name]}=")
        return function(*args, **kwargs)

    return call  # pyright: ignore[reportReturnType]
