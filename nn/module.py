"""Module: what a model is made of, and how its parameters are listed, saved, loaded and replaced."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from reprlib import repr as short
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autograd_np import Tensor
from autograd_np.hints import refuse
from autograd_np.hooks import Handle
from autograd_np.modes import mode
from autograd_np.rich import table
from autograd_np.versions import as_ndarray
from autograd_np.views import recast
from nn.parameter import Parameter, as_parameter, is_parameter, zero_grad

__all__ = ["IncompatibleKeys", "Module", "buffer_names", "functional_call", "parameter_names"]

_DEVICES = {"cpu", "cuda", "mps", "xpu", "meta"}


class IncompatibleKeys(NamedTuple):
    """What a state dict and a module do not have in common."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module:
    """Base class of layers, losses and models.

    A subclass assigns its parameters and its parts to attributes and computes in `forward`. What is assigned decides
    what it is:

    - a `Parameter`, or any other leaf that requires a gradient, is a parameter, and stays one while it is frozen;
    - a `Module` is a child, whose parameters are this module's too;
    - everything else is left alone: constants, results of operations, and what `forward` keeps for later.

    Arrays that belong to the state and are not trained are registered with `register_buffer`. A list, tuple or dict of
    modules or parameters is refused, since it would not be trained or saved: use `ModuleList`, `ModuleDict`,
    `ParameterList` or `ParameterDict`. So is anything of another kind under the name of a parameter, a buffer or a
    child; None may take its place, and `del` frees the name.

    Floating arrays and tensors that a module is called with are taken into the dtype of the module's parameters.

    Attributes
    ----------
    training : bool
        Whether the module is in training mode; `Dropout` and batch normalisation behave differently outside it.

    Notes
    -----
    Method names, state-dict keys and the meaning of shared parameters are those of ``torch.nn.Module``. A shared
    parameter is listed once, under its first name, and stands in the state dict under each of its names.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, features):
    ...         self.scale = nn.Parameter(np.ones(features, np.float32))
    ...
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> model = nn.Sequential(nn.Linear(4, 3, rng=0), Scale(3))
    >>> model
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)  # 15 parameters
      (1): Scale()  # 3 parameters
    )  # 18 parameters
    >>> list(model.state_dict())
    ['0.weight', '0.bias', '1.scale']
    >>> model(np.zeros((2, 4))).shape
    (2, 3)
    """

    training: bool
    _parameter_names: frozenset[str]
    _buffer_names: frozenset[str]
    # What few modules have, they have as attributes of their own.
    _passing_names: frozenset[str] = frozenset()  # of the buffers that are not saved
    _forward_pre_hooks: Mapping[Handle, Callable[..., Any]] = MappingProxyType({})
    _forward_hooks: Mapping[Handle, Callable[..., Any]] = MappingProxyType({})

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make an empty module."""
        # Here and not in __init__, so that a subclass that does not call super().__init__() works as well.
        if args or kwargs:
            _check_arguments(cls, args, kwargs)
        module = super().__new__(cls)
        vars(module).update(training=True, _parameter_names=frozenset(), _buffer_names=frozenset())
        return module

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; defined by each subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method: define `def forward(self, x): ...`")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`, with floating numbers taken into the dtype of the parameters, and the hooks around it."""
        watch, output = mode.get().watch, None
        outer = watch and watch.enter(self)
        try:
            if self._forward_pre_hooks:
                for hook in [*self._forward_pre_hooks.values()]:
                    args = _arguments(hook(self, args), args)
            inputs = [_taken(self, x) for x in args]
            named = {name: _taken(self, x) for name, x in kwargs.items()} if kwargs else kwargs
            output = self.forward(*inputs, **named)
            if self._forward_hooks:
                for hook in [*self._forward_hooks.values()]:
                    changed = hook(self, args, output)
                    output = output if changed is None else changed
            return output
        finally:
            if watch is not None:
                watch.leave(self, outer, output)

    if not TYPE_CHECKING:  # which would take every name for known

        def __getattr__(self, name: str) -> Any:
            if hasattr(type(self), name):  # a property that raised: once more, for its own error
                return object.__getattribute__(self, name)
            return refuse(self, name, "Module")

    # -- what it is made of -------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._buffer_names:
            value = _as_buffer(self, name, value)
        elif is_parameter(value):
            as_parameter(value)  # also in another module, once it is frozen
            vars(self)["_parameter_names"] = self._parameter_names | {name}
        elif name in self._parameter_names:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a parameter, and what is assigned to it ({_kind(value)}) cannot "
                    f"be one; assign an nn.Parameter, or None, or write new values into {name}.data"
                )
            vars(self)["_parameter_names"] = self._parameter_names - {name}
        elif isinstance(value, Module):
            if any(module is self for module in value.modules()):
                raise ValueError(f"{type(self).__name__}.{name}: a module cannot be a part of itself")
        elif value is not None and isinstance(vars(self).get(name), Module):
            raise TypeError(
                f"{type(self).__name__}.{name} is a module, and what is assigned to it ({_kind(value)}) would take its "
                f"place, so that it is neither trained nor saved; choose another name, or assign a module, or None"
            )
        elif name == "requires_grad":
            raise AttributeError(
                f"{type(self).__name__}.requires_grad = {value!r} would freeze nothing; call requires_grad_({value!r})"
            )
        else:
            _refuse_container(self, name, value)
        object.__setattr__(self, name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for name in self._parameter_names:
            if isinstance(value := state.get(name), Tensor):
                as_parameter(value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for names in ("_parameter_names", "_buffer_names", "_passing_names"):
            if name in getattr(self, names):
                vars(self)[names] = getattr(self, names) - {name}

    def register_buffer(self, name: str, array: ArrayLike | None, persistent: bool = True) -> None:
        """Add an array that is not trained, as an attribute, and save it in the state dict.

        Parameters
        ----------
        name : str
            Name of the attribute.
        array : array_like or None
            It is copied. None stands for a buffer that this module does without.
        persistent : bool
            Whether it stands in the state dict.

        Raises
        ------
        TypeError
            If it holds anything but numbers, or requires a gradient.
        ValueError
            If the name is no identifier, or an attribute of that name exists.

        Examples
        --------
        >>> import numpy as np
        >>> import nn
        >>> module = nn.Module()
        >>> module.register_buffer("mean", np.zeros(2))
        >>> module.state_dict()
        {'mean': array([0., 0.])}
        """
        if not name.isidentifier() or hasattr(self, name):
            raise ValueError(
                f"{type(self).__name__}.register_buffer({name!r}): the name must be an identifier that is not in use"
            )
        buffer = _as_buffer(self, name, array)
        vars(self)["_buffer_names"] = self._buffer_names | {name}
        if not persistent:
            vars(self)["_passing_names"] = self._passing_names | {name}
        setattr(self, name, None if buffer is None else buffer.copy())

    def register_parameter(self, name: str, parameter: Tensor | None) -> None:
        """Add a parameter as an attribute; None stands for one that this module does without."""
        if not name.isidentifier() or hasattr(self, name):
            raise ValueError(
                f"{type(self).__name__}.register_parameter({name!r}): the name must be an identifier that is not in use"
            )
        if parameter is not None and not is_parameter(parameter):
            raise TypeError(
                f"{type(self).__name__}.register_parameter({name!r}): {_kind(parameter)} is no parameter; give an "
                f"nn.Parameter"
            )
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a part under a name, which need not be an identifier: "0" is one, "a.b" is not."""
        if not isinstance(name, str) or not name or "." in name or hasattr(self, name):  # pyright: ignore
            raise ValueError(
                f"{type(self).__name__}.add_module({name!r}): the name must be a word without dots that is not in use"
            )
        if not isinstance(module, Module | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{type(self).__name__}.add_module({name!r}): {_kind(module)} is no module")
        setattr(self, name, module)

    register_module = add_module

    def get_submodule(self, target: str) -> Module:
        """Return a part by its path, as `named_modules` has it: "encoder.0"; "" for this module itself.

        Raises
        ------
        AttributeError
            If there is no such part.
        """
        return _found(self, "submodule", target, dict(_tree(self)))

    def get_parameter(self, target: str) -> Tensor:
        """Return a parameter by its path, "encoder.0.weight"; the error is that of `get_submodule`."""
        return _found(self, "parameter", target, {k: x for k, _, _, x in _entries(self) if isinstance(x, Tensor)})

    def get_buffer(self, target: str) -> NDArray[Any]:
        """Return a buffer by its path; the error is that of `get_submodule`."""
        return _found(self, "buffer", target, {k: x for k, _, _, x in _entries(self) if not isinstance(x, Tensor)})

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the direct parts with their names, each part once."""
        yield from _once((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """Yield the direct parts, each once."""
        return (child for _, child in self.named_children())

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield this module (named ``""``) and all its parts with their paths, parents first, each once."""
        yield from _once(_tree(self))

    def modules(self) -> Iterator[Module]:
        """Yield this module and all its parts, parents first, each once."""
        return iter([*_parts(self, {}).values()])

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the parameters of this module and its parts with their state-dict keys, each parameter once."""
        yield from _once((key, value) for key, _, _, value in _entries(self) if isinstance(value, Tensor))

    def parameters(self) -> Iterator[Tensor]:
        """Yield the parameters of this module and its parts, each once."""
        return (parameter for _, parameter in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the buffers of this module and its parts with their state-dict keys, each once."""
        yield from _once((key, value) for key, _, _, value in _entries(self) if not isinstance(value, Tensor))

    def buffers(self) -> Iterator[NDArray[Any]]:
        """Yield the buffers of this module and its parts, each once."""
        return (buffer for _, buffer in self.named_buffers())

    # -- its state ----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return copies of all parameters and buffers.

        Returns
        -------
        dict of str to ndarray
            With PyTorch's keys: the path of attributes, joined by dots. `nn.save` writes it to a file.

        Examples
        --------
        >>> import nn
        >>> {key: array.shape for key, array in nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {key: np.array(_plain(value)) for key, _, _, value in _saved(self)}

    def load_state_dict(self, state: Mapping[str, ArrayLike | Tensor], strict: bool = True) -> IncompatibleKeys:
        """Write a state dict's values into the parameters and buffers, in their dtypes.

        Everything is checked before anything is written.

        Parameters
        ----------
        state : mapping of str to array_like
            As `state_dict` returns it.
        strict : bool
            Whether the keys must be exactly this module's; otherwise only those in common are loaded.

        Returns
        -------
        IncompatibleKeys
            ``missing_keys`` and ``unexpected_keys``, both empty if `strict`.

        Raises
        ------
        ValueError
            If keys are missing or unexpected (and `strict`), shapes differ, or an entry holds another kind of number:
            integers where floating numbers belong, say. Everything that does not fit is listed, and nothing is changed.

        Examples
        --------
        >>> import numpy as np
        >>> import nn
        >>> layer = nn.Linear(2, 1)
        >>> layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3.0])})
        IncompatibleKeys(missing_keys=[], unexpected_keys=[])
        >>> layer(np.array([[1.0, 1.0]]))
        Tensor([[6.]], dtype=float32, origin=linear)
        """
        entries = {key: (module, name, value) for key, module, name, value in _saved(self)}
        own = {key: _plain(value) for key, (_, _, value) in entries.items()}
        arrays = {key: np.asarray(_plain(state[key])) for key in entries if key in state}
        keys = IncompatibleKeys([key for key in own if key not in state], [key for key in state if key not in own])
        faults = {
            "missing keys": keys.missing_keys if strict else [],
            "unexpected keys": keys.unexpected_keys if strict else [],
            "shapes differ": [
                f"{key} is {own[key].shape} here and {array.shape} there"
                for key, array in arrays.items()
                if array.shape != own[key].shape
            ],
            "kinds of numbers differ": [
                f"{key} is {own[key].dtype} here and {array.dtype} there"
                for key, array in arrays.items()
                if not _same_kind(array.dtype, own[key].dtype)
            ],
        }
        if any(faults.values()):
            listed = "; ".join(f"{fault}: {', '.join(found)}" for fault, found in faults.items() if found)
            of_keys = faults["missing keys"] or faults["unexpected keys"]
            or_else = ", or load only the keys in common with strict=False" if of_keys else ""
            raise ValueError(
                f"{type(self).__name__}.load_state_dict: {listed}. Build the model as the saved one was{or_else}"
            )
        # Copied before the first is written: the state may be this module's own memory under other keys.
        arrays = {key: np.array(array, dtype=own[key].dtype) for key, array in arrays.items()}
        for key, array in arrays.items():
            module, name, value = entries[key]
            if isinstance(value, Tensor):
                value.data = array
            else:
                setattr(module, name, array)
        return keys

    def astype(self, dtype: DTypeLike) -> Self:
        """Return a deep copy with parameters and buffers of another floating dtype; integer ones stay as they are.

        Parameters
        ----------
        dtype : dtype
            ``np.float64``, say, to check gradients numerically.

        Raises
        ------
        TypeError
            If `dtype` is not floating.

        Examples
        --------
        >>> import numpy as np
        >>> import nn
        >>> nn.Linear(3, 2).astype(np.float64).weight.dtype
        dtype('float64')
        """
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"{type(self).__name__}.astype: {np.dtype(dtype)} is not floating; use np.float64, say")
        result = deepcopy(self)
        converted: dict[int, Tensor | NDArray[Any]] = {}
        for _, module, name, value in list(_entries(result)):
            if value.dtype.kind == "f":
                if id(value) not in converted:
                    array = _plain(value).astype(dtype)
                    tensor = isinstance(value, Tensor)
                    converted[id(value)] = Parameter(array, value.requires_grad) if tensor else array
                setattr(module, name, converted[id(value)])
        return result

    def to(self, to: Any = None, *, device: Any = None, dtype: DTypeLike | None = None) -> Self:
        """Take floating parameters and buffers into another dtype, in place, and return the module.

        Parameters
        ----------
        to : dtype or device
            ``np.float64``, say. The only device is "cpu", where everything is already.
        device, dtype
            The same by name.

        Raises
        ------
        TypeError
            If `dtype` is not floating.
        ValueError
            If another device is asked for.

        Notes
        -----
        Parameters stay the tensors that they are, so that an optimiser goes on with them; what it remembers by now
        keeps its dtype. `astype` returns a copy and leaves the module as it is.

        Examples
        --------
        >>> import numpy as np
        >>> import nn
        >>> nn.Linear(3, 2).to(np.float64).weight.dtype
        dtype('float64')
        """
        for place in (to, device):
            kind = getattr(place, "type", place)
            if isinstance(kind, str) and kind.partition(":")[0] in _DEVICES and kind != "cpu":
                raise ValueError(f"{type(self).__name__}.to: there is no device {kind!r}; everything is on the CPU")
        if dtype is None and to is not None and getattr(to, "type", to) != "cpu":
            dtype = to
        if dtype is None:
            return self
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"{type(self).__name__}.to: {np.dtype(dtype)} is not floating; use np.float64, say")
        for _, module, name, value in list(_entries(self)):
            if isinstance(value, Tensor):
                recast(value, dtype)
            elif value.dtype.kind == "f":
                setattr(module, name, value.astype(dtype))
        return self

    def double(self) -> Self:
        """Take floating parameters and buffers into float64, in place; return the module."""
        return self.to(np.float64)

    def float(self) -> Self:
        """Take floating parameters and buffers into float32, in place; return the module."""
        return self.to(np.float32)

    def half(self) -> Self:
        """Take floating parameters and buffers into float16, in place; return the module."""
        return self.to(np.float16)

    # -- its mode -----------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Put this module and its parts into training mode, or with False into evaluation mode; return it."""
        for module in self.modules():
            if module.training is not mode:  # a training asks for it again and again
                module.training = mode
        return self

    def eval(self) -> Self:
        """Put this module and its parts into evaluation mode; return it."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients: set each parameter's ``.grad`` to None, or with False those that are there to zeros."""
        zero_grad(self.parameters(), set_to_none)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or thaw all parameters; return the module."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call a function on each part and then on this module, as for initialisation; return the module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # -- who looks on -------------------------------------------------------------------------------------------------

    def register_forward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Let a function see each call: ``hook(module, args, output)``.

        Parameters
        ----------
        hook : callable
            What it returns takes the place of the output, unless that is None. `args` are the positional arguments as
            they were given, in a tuple.

        Returns
        -------
        Handle
            Its `remove()` takes the hook away.

        Examples
        --------
        >>> import numpy as np
        >>> import nn
        >>> model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
        >>> seen = []
        >>> handle = model[0].register_forward_hook(lambda module, args, output: seen.append(output))
        >>> y = model(np.ones((4, 3)))
        >>> seen[0].shape
        (4, 2)
        >>> handle.remove()
        """
        return self._register("_forward_hooks", hook)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Let a function see the arguments of each call, and change them: ``hook(module, args)``.

        What it returns takes the place of the positional arguments, unless that is None: a tuple, or the only one. The
        rest is as in `register_forward_hook`.
        """
        return self._register("_forward_pre_hooks", hook)

    def _register(self, name: str, hook: Callable[..., Any]) -> Handle:
        if not callable(hook):
            raise TypeError(f"{type(self).__name__}: a hook is a function, and was given {hook!r}")
        return Handle(vars(self).setdefault(name, {}), hook)

    # -- its text -----------------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return what stands between the brackets in the representation of a module; "" unless a subclass says."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {child!r}" for name, child in vars(self).items() if isinstance(child, Module)]
        extra = self.extra_repr()
        if lines:
            inner = "\n".join([extra, *lines] if extra else lines).replace("\n", "\n  ")
            text = f"{type(self).__name__}(\n  {inner}\n)"
        else:
            text = f"{type(self).__name__}({extra})"
        return text + _count(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the text, as a table with a row for each module."""
        rows = [
            (
                "  " * (name.count(".") + bool(name)) + name.rpartition(".")[2],
                f"{type(module).__name__}({module.extra_repr()})",
                _count(module).strip(" #"),
            )
            for name, module in self.named_modules()
        ]
        return table(["name", "module", "parameters"], rows)


def functional_call(module: Module, params: Mapping[str, Tensor | ArrayLike], *args: Any, **kwargs: Any) -> Any:
    """Call a module with given values in place of its own, and leave the module as it is.

    This makes a function of the parameters out of a module, as the transforms want it. Nothing of the call stays in the
    module: batch normalisation's running statistics, too, are updated in a copy that is thrown away.

    Parameters
    ----------
    module : Module
        What to call.
    params : mapping of str to Tensor or array_like
        Values for parameters and buffers by their state-dict keys; the module's own serve for the others. A shared
        parameter is replaced everywhere when it is given under one of its names.
    *args, **kwargs
        The arguments of `module`, one by one.

    Returns
    -------
    object
        What the module returns.

    Raises
    ------
    KeyError
        If a key is not one of the module's.
    TypeError
        If the arguments are given as a tuple, as PyTorch has them: it would become one more axis.
    ValueError
        If a value has another shape than the module's, or a shared parameter is given two values.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> from autograd_np import grad
    >>> model, x, y = nn.Linear(2, 1, rng=0), np.ones((3, 2)), np.zeros((3, 1))
    >>> def loss(params):
    ...     return nn.functional.mse_loss(nn.functional_call(model, params, x), y)
    >>> gradient = grad(loss)(dict(model.named_parameters()))
    >>> gradient["weight"].shape
    (1, 2)
    """
    call = f"functional_call({type(module).__name__})"
    if args and type(args[0]) is tuple:  # and no sequence that is packed
        raise TypeError(
            f"{call}: the first argument for the module is a tuple; give its items one by one, functional_call(module, "
            f"params, x), and a tuple that the module itself takes as a list, or by its keyword"
        )
    own = {key: value for key, _, _, value in _entries(module)}
    unexpected = [key for key in params if key not in own]
    if unexpected:
        raise KeyError(f"{call}: unexpected keys: {', '.join(unexpected)}; the module's are: {', '.join(own)}")
    values: dict[int, Tensor | NDArray[Any]] = {}
    for key, given in params.items():
        value = _like(own[key], given)
        if value.shape != own[key].shape:
            raise ValueError(f"{call}: {key} has shape {own[key].shape}, and was given shape {value.shape}")
        if not _agree(values.setdefault(id(own[key]), value), value):
            raise ValueError(f"{call}: {key} is shared, and given different values; give it under one of its names")
    return _replaced(module, values, {})(*args, **kwargs)


def _taken(module: Module, x: Any) -> Any:
    """Return floating numbers in the dtype of a module's parameters, and everything else as it is."""
    if not (type(x) is Tensor or _is_array(x)) or (given := x.dtype).kind != "f":
        return x
    dtype = _dtype(module)
    return x if dtype is None or dtype is given or dtype == given else x.astype(dtype)


def _dtype(module: Module) -> np.dtype[Any] | None:
    """Return the dtype of the first floating parameter, of a module or else of its parts."""
    attributes = vars(module)
    names = attributes["_parameter_names"]
    for name in attributes if len(names) > 1 else names:  # in the order of the attributes
        if name in names and (value := attributes[name]) is not None and value.dtype.kind == "f":
            return value.dtype
    for value in attributes.values():
        if isinstance(value, Module) and (dtype := _dtype(value)) is not None:
            return dtype
    return None


def parameter_names(module: Module) -> frozenset[str]:
    """Return the names of the attributes that hold a module's own parameters."""
    return vars(module)["_parameter_names"]


def buffer_names(module: Module) -> frozenset[str]:
    """Return the names of the attributes that hold a module's own buffers, or None in the place of one."""
    return vars(module)["_buffer_names"]


def _tree(module: Module, path: str = "") -> Iterator[tuple[str, Module]]:
    """Yield every path through a module's parts: a shared one comes as often as it is used."""
    yield path, module
    for name, value in vars(module).items():
        if isinstance(value, Module):
            yield from _tree(value, _join(path, name))


def _parts(module: Module, found: dict[int, Module]) -> dict[int, Module]:
    """Add a module and its parts, parents first, each once, by their ids."""
    if id(module) not in found:
        found[id(module)] = module
        for value in vars(module).values():
            if isinstance(value, Module):
                _parts(value, found)
    return found


def _entries(module: Module) -> Iterator[tuple[str, Module, str, Tensor | NDArray[Any]]]:
    """Yield the state dict's keys, each with the module and the attribute it stands for, and the value there."""
    for path, part in _tree(module):
        for name, value in vars(part).items():
            _refuse_container(part, name, value)  # a list can be filled after it was assigned
        for names in (parameter_names(part), buffer_names(part)):
            for name, value in vars(part).items():
                if name in names and value is not None:
                    yield _join(path, name), part, name, value


def _saved(module: Module) -> Iterator[tuple[str, Module, str, Tensor | NDArray[Any]]]:
    """Yield the entries that a state dict has."""
    return (entry for entry in _entries(module) if entry[2] not in entry[1]._passing_names)  # pyright: ignore


def _found(module: Module, what: str, target: str, found: Mapping[str, Any]) -> Any:
    if target not in found:
        raise AttributeError(
            f"{type(module).__name__}.get_{what}({target!r}): there is no such {what}; there are "
            f"{', '.join(map(repr, found)) or 'none'}"
        )
    return found[target]


def _refuse_container(module: Module, name: str, value: object) -> None:
    found = next((item for item in _items(value) if _trainable(item)), None)
    if found is not None:
        raise TypeError(
            f"{type(module).__name__}.{name} is a {type(value).__name__} that holds {_kind(found)}, which would be "
            f"neither trained nor saved; use nn.ModuleList, nn.ModuleDict or nn.Sequential for modules, and "
            f"nn.ParameterList or nn.ParameterDict for parameters"
        )


def _replaced(module: Module, values: Mapping[int, Tensor | NDArray[Any]], made: dict[int, Module]) -> Module:
    """Return a copy of a tree of modules that shares everything except what `values` replaces, and the buffers."""
    if id(module) not in made:
        made[id(module)] = copy = object.__new__(type(module))
        for name, value in vars(module).items():
            if isinstance(value, Module):
                vars(copy)[name] = _replaced(value, values, made)
            elif id(value) in values:
                vars(copy)[name] = values[id(value)]
            else:
                buffer = name in buffer_names(module)
                vars(copy)[name] = np.copy(value) if buffer and value is not None else value
    return made[id(module)]


def _like(own: Tensor | NDArray[Any], given: Tensor | ArrayLike) -> Tensor | NDArray[Any]:
    """Return a value as what it replaces is: a Tensor or an array."""
    if isinstance(own, Tensor):
        return given if isinstance(given, Tensor) else Tensor(given)
    return np.array(given)


def _agree(a: Tensor | NDArray[Any], b: Tensor | NDArray[Any]) -> bool:
    """Tell whether two values for one parameter are the same one, also to a gradient."""
    if a is b:
        return True
    constant = not any(isinstance(x, Tensor) and x.requires_grad for x in (a, b))
    return constant and np.array_equal(_plain(a), _plain(b))


def _once(pairs: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the pairs whose second part was not there before."""
    seen: set[int] = set()
    for name, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _plain(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _same_kind(a: np.dtype[Any], b: np.dtype[Any]) -> bool:
    """Tell whether two dtypes differ in nothing but their size (integers may differ in having a sign)."""
    return a.kind == b.kind or {a.kind, b.kind} == {"i", "u"}


def _arguments(changed: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the arguments that a hook leaves: others in a tuple, or the only one, or those before in place of None."""
    if changed is None:
        return before
    return changed if type(changed) is tuple else (changed,)  # pyright: ignore[reportUnknownVariableType]


def _is_array(value: object) -> TypeGuard[NDArray[Any]]:
    return isinstance(value, np.ndarray)


def _items(value: object) -> Iterator[object]:
    """Yield what a plain container holds, at any depth."""
    if _is_mapping(value):
        value = list(value.values())
    if _is_sequence(value):
        for item in value:
            yield item
            yield from _items(item)


def _is_mapping(value: object) -> TypeGuard[dict[Any, object]]:
    return isinstance(value, dict)


def _is_sequence(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, list | tuple)


def _trainable(value: object) -> bool:
    return isinstance(value, Module) or is_parameter(value)


def _kind(value: object) -> str:
    """Say what a value is: `a value of type Linear`, `the result of an operation`."""
    if isinstance(value, Tensor):
        return "a parameter" if is_parameter(value) else "a constant" if value.is_leaf else "the result of an operation"
    return f"a value of type {type(value).__name__}"


def _as_buffer(module: Module, name: str, value: Any) -> NDArray[Any] | None:
    """Return what is assigned to a buffer's name as an array of numbers."""
    if value is None:
        return None
    try:
        array = as_ndarray(value)
    except (TypeError, ValueError):  # what requires a gradient, or has rows of different lengths
        array = None
    if array is None or array.dtype.kind not in "biufc":
        raise TypeError(
            f"{type(module).__name__}.{name} is a buffer, and what is assigned to it ({_kind(value)}) is no array of "
            f"numbers; assign one, without a gradient, or None, or delete the buffer first: del module.{name}"
        )
    return array


def _check_arguments(kind: type[Module], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Raise if a class of modules does not take arguments, and say what it takes."""
    name = kind.__name__
    given = ", ".join([*map(short, args), *(f"{key}={short(value)}" for key, value in kwargs.items())])
    if kind.__init__ is object.__init__:
        instead = "every module returns a new tensor" if "inplace" in kwargs else "it has no __init__ to take them"
        raise TypeError(f"{name}({given}): {name} takes no arguments, {instead}; write {name}()")
    signature = inspect.signature(kind.__init__)
    try:
        signature.bind(None, *args, **kwargs)
    except TypeError as error:
        bare = [p.replace(annotation=p.empty) for p in list(signature.parameters.values())[1:]]
        taken = signature.replace(parameters=bare, return_annotation=signature.empty)
        raise TypeError(f"{name}({given}): {error}; {name} takes {taken}") from None


def _count(module: Module) -> str:
    """Say how many numbers a module trains, and how many it keeps frozen; nothing if it has no parameters."""
    sizes = [(parameter.size, parameter.requires_grad) for parameter in module.parameters()]
    total, frozen = sum(size for size, _ in sizes), sum(size for size, trained in sizes if not trained)
    if not sizes:
        return ""
    return f"  # {total:,} parameter{'s' * (total != 1)}" + (f" ({frozen:,} frozen)" if frozen else "")
