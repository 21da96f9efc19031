"""Weights that are computed from other parameters.

Such a weight is a property of the layer, whose class is one derived from its own: it is computed whenever it is read,
so that it never is older than what it is computed from.
"""

from __future__ import annotations

import operator
from functools import cache
from typing import Any

import numpy as np

from autograd_np import Tensor
from autograd_np.tensor import plain
from nn.init import RNG
from nn.module import Module, parameter_names
from nn.parameter import Parameter

__all__ = ["remove_spectral_norm", "remove_weight_norm", "spectral_norm", "weight_norm"]


class WeightNorm:
    """How a weight of given lengths is computed from its directions."""

    call = "weight_norm"

    def __init__(self, name: str, dim: int | None) -> None:
        self.name, self.dim = name, dim

    def computed(self, module: Module) -> Tensor:
        """Return the weight."""
        v = getattr(module, f"{self.name}_v")
        return v * (getattr(module, f"{self.name}_g") / _lengths(v, self.dim))

    def parts(self) -> list[str]:
        """Return the attributes that it is computed from."""
        return [f"{self.name}_g", f"{self.name}_v"]


class SpectralNorm:
    """How a weight is divided by an estimate of its largest singular value; a hook that improves the estimate."""

    call = "spectral_norm"

    def __init__(self, name: str, n_power_iterations: int, eps: float, dim: int) -> None:
        self.name, self.n_power_iterations, self.eps, self.dim = name, n_power_iterations, eps, dim

    def __call__(self, module: Module, args: Any) -> None:
        """Take steps of the power iteration, in training mode."""
        if not module.training:
            return
        matrix = plain(self.matrix(module))
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        for _ in range(self.n_power_iterations):
            v = _normalised(matrix.T @ u, self.eps)
            u = _normalised(matrix @ v, self.eps)
        setattr(module, f"{self.name}_u", u)
        setattr(module, f"{self.name}_v", v)

    def matrix(self, module: Module) -> Any:
        """Return the weight before, as a matrix."""
        return _matrix(getattr(module, f"{self.name}_orig"), self.dim)

    def computed(self, module: Module) -> Tensor:
        """Return the weight."""
        u, v = getattr(module, f"{self.name}_u"), getattr(module, f"{self.name}_v")
        return getattr(module, f"{self.name}_orig") / (u @ (self.matrix(module) @ v))

    def parts(self) -> list[str]:
        """Return the attributes that it is computed from."""
        return [f"{self.name}_orig", f"{self.name}_u", f"{self.name}_v"]


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train the lengths of a weight's rows, and their directions, in place of the weight: w = g v / |v|.

    Parameters
    ----------
    module : Module
        A layer. Its parameter becomes two, ``weight_g`` and ``weight_v``, and ``weight`` is computed when it is read.
        Make the optimiser afterwards.
    name : str
        Which parameter.
    dim : int or None
        Of what along which axis the lengths are; of the whole weight for None.

    Returns
    -------
    Module
        The layer itself.

    Raises
    ------
    TypeError
        If `module` is no Module.
    ValueError
        If it has no such parameter, as when it is computed already, or the weight has no such axis.

    References
    ----------
    T. Salimans, D. Kingma, "Weight normalization", NIPS 2016, equation 2.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(3, 2))
    >>> {key: array.shape for key, array in layer.state_dict().items()}
    {'bias': (2,), 'weight_g': (2, 1), 'weight_v': (2, 3)}
    """
    weight = _weight("weight_norm", module, name, dim)
    hook = WeightNorm(name, None if dim is None else operator.index(dim))
    delattr(module, name)
    lengths: Any = plain(_lengths(weight.data, hook.dim))
    setattr(module, f"{name}_g", Parameter(lengths, weight.requires_grad))
    setattr(module, f"{name}_v", Parameter(weight, weight.requires_grad))
    _compute(module, {**_norms(module), name: hook})
    return module


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
    *,
    rng: RNG = None,
) -> Module:
    """Divide a weight by its largest singular value, so that the layer lengthens no vector: w / (u W v).

    Parameters
    ----------
    module : Module
        A layer. Its parameter becomes ``weight_orig``, and ``weight`` is computed when it is read. The vectors u and v
        are buffers, ``weight_u`` and ``weight_v``, and come closer to the singular vectors in each call in training
        mode.
    name : str
        Which parameter.
    n_power_iterations : int
        How many steps of the power iteration a call takes, at least 1.
    eps : float
        Vectors that are shorter are divided by it and not by their length.
    dim : int, optional
        The axis of the outputs; all others are taken as one. It is 0 by default.
    rng : numpy.random.Generator, int or None
        Where the first vectors come from.

    Returns
    -------
    Module
        The layer itself.

    Raises
    ------
    TypeError
        If `module` is no Module.
    ValueError
        If it has no such parameter, as when it is computed already, the weight has no such axis, or a number is out of
        range.

    References
    ----------
    T. Miyato, T. Kataoka, M. Koyama, Y. Yoshida, "Spectral normalization for generative adversarial networks", ICLR
    2018, algorithm 1.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(3, 2), rng=0)
    >>> {key: array.shape for key, array in layer.state_dict().items()}
    {'bias': (2,), 'weight_orig': (2, 3), 'weight_u': (2,), 'weight_v': (3,)}
    """
    dim = 0 if dim is None else dim
    weight = _weight("spectral_norm", module, name, dim)
    if operator.index(n_power_iterations) < 1:
        raise ValueError(f"spectral_norm: n_power_iterations={n_power_iterations}; give an integer of at least 1")
    if not eps >= 0:
        raise ValueError(f"spectral_norm: eps={eps}; give a number of at least 0")
    hook = SpectralNorm(name, n_power_iterations, eps, operator.index(dim))
    rng = np.random.default_rng(rng)
    vectors = [_normalised(rng.normal(size=size), eps) for size in _matrix(weight.data, hook.dim).shape]
    delattr(module, name)
    setattr(module, f"{name}_orig", weight)
    for end, vector in zip("uv", vectors, strict=True):
        module.register_buffer(f"{name}_{end}", vector.astype(weight.dtype))
    _compute(module, {**_norms(module), name: hook})
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Make a weight that `weight_norm` computes a parameter again, with the values that it has now.

    Raises
    ------
    ValueError
        If `weight_norm` does not compute it.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(3, 2)))
    >>> list(layer.state_dict())
    ['bias', 'weight']
    """
    return _remove(WeightNorm, module, name)


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Make a weight that `spectral_norm` computes a parameter again, with the values that it has now.

    Raises
    ------
    ValueError
        If `spectral_norm` does not compute it.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(3, 2)))
    >>> list(layer.state_dict())
    ['bias', 'weight']
    """
    return _remove(SpectralNorm, module, name)


def _remove(kind: type[WeightNorm] | type[SpectralNorm], module: Module, name: str) -> Module:
    norm = _norms(module).get(name)
    if not isinstance(norm, kind):
        raise ValueError(f"remove_{kind.call}: {kind.call} does not compute {type(module).__name__}.{name}")
    parts: list[Any] = [getattr(module, part) for part in norm.parts()]
    trained = any(part.requires_grad for part in parts if isinstance(part, Tensor))
    weight = norm.computed(module)
    for handle, hook in [*vars(module).get("_forward_pre_hooks", {}).items()]:
        if hook is norm:
            handle.remove()
    for part in norm.parts():
        delattr(module, part)
    _compute(module, {key: other for key, other in _norms(module).items() if key != name})
    setattr(module, name, Parameter(weight.data, trained))
    return module


def _norms(module: Module) -> dict[str, WeightNorm | SpectralNorm]:
    """Return how the weights of a module are computed, by their names."""
    return vars(module).get("_norms", {})


def _compute(module: Module, norms: dict[str, WeightNorm | SpectralNorm]) -> None:
    """Let weights be computed, and no others."""
    kind: type[Module] = getattr(type(module), "_kind", type(module))
    vars(module)["_norms"] = norms
    module.__class__ = _computing(kind, tuple(norms)) if norms else kind


@cache
def _computing(kind: type[Module], names: tuple[str, ...]) -> type[Module]:
    """Return the class of a kind of modules some of whose parameters are computed."""

    def reduce(self: Module, protocol: Any) -> Any:
        return _empty, (kind, names), vars(self)

    def weight(name: str) -> property:
        def refuse(self: Module, value: Any) -> None:
            vars(self)["_parameter_names"] = parameter_names(self) - {name}
            norm = _norms(self)[name]
            raise AttributeError(
                f"{kind.__name__}.{name} is computed from {' and '.join(norm.parts())}; write into these, or call "
                f"remove_{norm.call} first"
            )

        return property(lambda self: _norms(self)[name].computed(self), refuse)

    entries = {"__module__": kind.__module__, "__reduce_ex__": reduce, "_kind": kind}
    return type(kind.__name__, (kind,), {**entries, **{name: weight(name) for name in names}})


def _empty(kind: type[Module], names: tuple[str, ...]) -> Module:
    """Return a module to be filled from a copy or a pickle."""
    return object.__new__(_computing(kind, names))


def _weight(call: str, module: Any, name: str, dim: int | None) -> Tensor:
    """Return the parameter that is to be computed, checked."""
    if not isinstance(module, Module):
        raise TypeError(f"{call}: module is a {type(module).__name__}; give a Module")
    kind = type(module).__name__
    weight = vars(module).get(name) if name in parameter_names(module) else None
    if weight is None:
        names = ", ".join(sorted(parameter_names(module))) or "none"
        raise ValueError(f"{call}: {kind}.{name} is no parameter of its own; its parameters are: {names}")
    if dim is not None and not 0 <= operator.index(dim) < weight.ndim:
        raise ValueError(f"{call}: dim={dim} of a {kind}.{name} of shape {weight.shape}; give one of its axes")
    return weight


def _matrix(weight: Any, dim: int) -> Any:
    """Return a weight with one axis first, and all others as one."""
    return np.moveaxis(weight, dim, 0).reshape(weight.shape[dim], -1)


def _lengths(weight: Any, dim: int | None) -> Any:
    """Return the norms of what a weight has along an axis, in as many axes; or of all of it."""
    if dim is None:
        return np.linalg.norm(weight.reshape(-1))
    shape = [1] * weight.ndim
    shape[dim] = -1
    return np.linalg.norm(_matrix(weight, dim), axis=1).reshape(shape)


def _normalised(vector: Any, eps: float) -> Any:
    return vector / np.maximum(np.linalg.norm(vector), eps)
