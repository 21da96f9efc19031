"""Attention with several heads, and the layers of transformers."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import check_p
from autograd_np.neural.attention import attention
from autograd_np.versions import as_ndarray
from nn import init
from nn.init import RNG
from nn.layers.containers import ModuleList
from nn.layers.dropout import Dropout
from nn.layers.linear import Linear
from nn.layers.normalisation import LayerNorm
from nn.layers.parameters import Operand, size, taken
from nn.module import Module

__all__ = ["MultiheadAttention", "TransformerEncoder", "TransformerEncoderLayer"]

Activation: TypeAlias = Literal["relu", "gelu"] | Callable[[Any], Any]


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"gelu": F.gelu, "relu": F.relu}


class MultiheadAttention(Module):
    """Attention with several heads, each of which looks at a part of the features.

    Queries, keys and values are mapped linearly; `scaled_dot_product_attention` is applied to each head's part; the
    results, side by side again, are mapped once more.

    Parameters
    ----------
    embed_dim : int
        E, the number of features.
    num_heads : int
        How many heads share them; a divisor of E.
    dropout : float
        The probability of dropping a weight, in training mode.
    bias : bool
        Whether the linear maps have biases.
    kdim, vdim : int, optional
        The numbers of features of keys and of values, E by default.
    batch_first : bool
        Whether inputs and outputs are (N, L, E), not (L, N, E).
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from, and what is dropped.

    Attributes
    ----------
    in_proj_weight : Tensor, shape (3 E, E), or None
        Of queries, keys and values, one below the other, drawn by `init.xavier_uniform_`. With another `kdim` or
        `vdim` there are `q_proj_weight`, `k_proj_weight` and `v_proj_weight` instead.
    in_proj_bias : Tensor, shape (3 E,), or None
        Initially 0.
    out_proj : Linear
        With a bias of 0 initially.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the shapes do not fit, an input is a Tensor of another dtype, or
        a mask is not made of booleans or floating-point numbers.

    Notes
    -----
    A query that may attend to no key has weights of 0, as in PyTorch's `scaled_dot_product_attention`; PyTorch's own
    `MultiheadAttention` gives NaN there, or 0, depending on whether weights are asked for.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> x = np.ones((5, 7, 8))
    >>> y, weights = nn.MultiheadAttention(8, 2, batch_first=True, rng=0)(x, x, x)
    >>> y.shape, weights.shape
    ((5, 7, 8), (5, 7, 7))
    """

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, *, kdim: int | None = None,
        vdim: int | None = None, batch_first: bool = False, dtype: DTypeLike = np.float32, rng: RNG = None,
    ) -> None:  # fmt: skip
        name = "MultiheadAttention"
        self.embed_dim = e = size(name, "embed_dim", embed_dim)
        self.num_heads = size(name, "num_heads", num_heads)
        if e % self.num_heads:
            raise ValueError(f"{name}: {self.num_heads} heads cannot share {e} features; give a divisor of embed_dim")
        check_p(name, dropout)
        self.kdim = e if kdim is None else size(name, "kdim", kdim)
        self.vdim = e if vdim is None else size(name, "vdim", vdim)
        self.dropout, self.batch_first = dropout, batch_first
        self.rng = rng = np.random.default_rng(rng)

        def drawn(*shape: int) -> Tensor:
            return init.xavier_uniform_(Tensor(np.zeros(shape), requires_grad=True, dtype=dtype), rng=rng)

        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == e:
            self.in_proj_weight = drawn(3 * e, e)
        else:
            self.q_proj_weight, self.k_proj_weight = drawn(e, e), drawn(e, self.kdim)
            self.v_proj_weight = drawn(e, self.vdim)
        self.in_proj_bias = Tensor(np.zeros(3 * e), requires_grad=True, dtype=dtype) if bias else None
        self.out_proj = Linear(e, e, bias, dtype=dtype, rng=rng)
        if self.out_proj.bias is not None:
            init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Operand, key: Operand, value: Operand, key_padding_mask: Operand | None = None,
        need_weights: bool = True, attn_mask: Operand | None = None, average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Return what the queries find, and the weights of the values.

        Parameters
        ----------
        query : array_like, shape (L, N, E) or (N, L, E) or (L, E)
        key, value : array_like, shape (S, N, K) or (N, S, K) or (S, K)
        key_padding_mask : array_like of bool or float, shape (N, S) or (S,), optional
            Of booleans: which keys are *left out*, as padding. Of numbers: what is added to the products.
        need_weights : bool
            Whether to return the weights, or None.
        attn_mask : array_like of bool or float, shape (L, S) or (N num_heads, L, S), optional
            Of booleans: which keys each query may *not* attend to. Of numbers: what is added to the products.
        average_attn_weights : bool
            Whether to return the mean of the heads' weights, or those of each head.
        is_causal : bool
            That `attn_mask` is causal: nothing that is not in the mask.

        Returns
        -------
        output : Tensor of the shape of `query`
        weights : Tensor, shape (N, L, S) or (N, num_heads, L, S), without N for a single sequence; or None
        """
        name, dtype = "MultiheadAttention", self.out_proj.weight.dtype
        swapaxes: Any = np.swapaxes  # it dispatches
        inputs: list[Any] = [taken(self, x, dtype) for x in (query, key, value)]
        single = inputs[0].ndim == 2
        if single:
            inputs = [x[None] if x.ndim == 2 else x for x in inputs]
        elif not self.batch_first:
            inputs = [swapaxes(x, 0, 1) if x.ndim == 3 else x for x in inputs]
        q, k, v = inputs
        shapes = (self.embed_dim, self.kdim, self.vdim)
        if any(x.ndim != 3 or x.shape[2] != n or len(x) != len(q) for x, n in zip(inputs, shapes, strict=True)) or (
            k.shape[1] != v.shape[1]
        ):
            form = "(N, {0}, {1})" if self.batch_first else "({0}, N, {1})"
            given = ", ".join(str(np.shape(x)) for x in (query, key, value))
            wanted = ", ".join(form.format(*pair) for pair in zip("LSS", shapes, strict=True))
            raise ValueError(f"{name}: query, key and value of shapes {given}; give {wanted}, or all without N")
        if is_causal and attn_mask is None:
            raise ValueError(f"{name}: is_causal=True without attn_mask; it says that the mask is causal: give that")
        masks = [
            self._mask("key_padding_mask", key_padding_mask, (len(q), 1, 1, k.shape[1]), single),
            self._mask("attn_mask", attn_mask, (len(q), self.num_heads, q.shape[1], k.shape[1]), single),
        ]
        given = [mask for mask in masks if mask is not None]
        p = self.dropout if self.training else 0.0
        mask: Any = sum(given[1:], given[0]) if given else None
        q_heads, k_heads, v_heads = (self._heads(x, i) for i, x in enumerate(inputs))
        y, weights = attention(name, q_heads, k_heads, v_heads, mask, p, None, self.rng)
        y = self.out_proj(swapaxes(y, 1, 2).reshape(q.shape))
        weights = weights.mean(axis=1) if average_attn_weights else weights
        if single:
            y, weights = y[0], weights[0]
        elif not self.batch_first:
            y = swapaxes(y, 0, 1)
        return y, weights if need_weights else None

    def _heads(self, x: Any, i: int) -> Any:
        """Map queries, keys or values linearly, and return each head's: (N, num_heads, L, E / num_heads)."""
        e, own = self.embed_dim, (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)[i]
        rows = slice(i * e, (i + 1) * e)
        weight: Any = own if self.in_proj_weight is None else self.in_proj_weight[rows]
        y = F.linear(x, weight, None if self.in_proj_bias is None else self.in_proj_bias[rows])
        swapaxes: Any = np.swapaxes  # it dispatches
        return swapaxes(y.reshape(*x.shape[:2], self.num_heads, e // self.num_heads), 1, 2)

    def _mask(self, what: str, mask: Any, shape: tuple[int, int, int, int], single: bool) -> Any:
        """Return a mask as numbers to be added, of axes that broadcast to (N, num_heads, L, S)."""
        if mask is None:
            return None
        values: Any = mask if isinstance(mask, Tensor) else as_ndarray(mask)
        n, heads, rows, keys = shape
        forms: dict[tuple[int, ...], tuple[int, int, int, int]]
        if what == "attn_mask":
            forms = {(rows, keys): (1, 1, rows, keys), (n * heads, rows, keys): shape}
        else:
            forms = {(keys,): shape} if single else {(n, keys): shape}
        if values.shape not in forms:
            raise ValueError(
                f"MultiheadAttention: {what} of shape {values.shape}; with these inputs it needs to be "
                f"{' or '.join(map(str, forms))}"
            )
        if values.dtype.kind not in "bf":
            raise TypeError(
                f"MultiheadAttention: {what} of dtype {values.dtype}; give booleans, mask.astype(bool), or numbers to "
                f"be added"
            )
        if values.dtype.kind == "b":
            where: Any = np.where  # it dispatches
            # In float16 too, the products are float32.
            dtype = np.result_type(self.out_proj.weight.dtype, np.float32)
            values = where(values, dtype.type(-np.inf), dtype.type(0))
        return values.reshape(forms[values.shape])


class TransformerEncoderLayer(Module):
    """Self-attention and a perceptron, each with a residual connection and a layer normalisation.

    Parameters
    ----------
    d_model : int
        E, the number of features.
    nhead : int
        The number of heads.
    dim_feedforward : int
        How many hidden features the perceptron has.
    dropout : float
        The probability of dropping: weights of the attention, hidden features, and what is added to the residuals.
    activation : {"relu", "gelu"} or callable
        Of the perceptron.
    layer_norm_eps : float
        What keeps the divisors of the normalisations from 0.
    batch_first : bool
        Whether inputs and outputs are (N, T, E), not (T, N, E).
    norm_first : bool
        Whether to normalise what goes into the attention and into the perceptron, not the sums after them.
    bias : bool
        Whether linear maps and normalisations have biases.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from, and what is dropped.

    Attributes
    ----------
    self_attn : MultiheadAttention
    linear1, linear2 : Linear
    norm1, norm2 : LayerNorm
    dropout, dropout1, dropout2 : Dropout

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; when called, as `MultiheadAttention`.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.TransformerEncoderLayer(8, 2, 32, batch_first=True, rng=0)(np.ones((5, 7, 8))).shape
    (5, 7, 8)
    """

    def __init__(
        self, d_model: int, nhead: int, dim_feedforward: int = 2048, dropout: float = 0.1,
        activation: Activation = "relu", layer_norm_eps: float = 1e-5, batch_first: bool = False,
        norm_first: bool = False, bias: bool = True, *, dtype: DTypeLike = np.float32, rng: RNG = None,
    ) -> None:  # fmt: skip
        if not callable(activation) and activation not in ("relu", "gelu"):
            raise ValueError(
                f"TransformerEncoderLayer: unknown activation {activation!r}; choose relu or gelu, or give a function"
            )
        rng = np.random.default_rng(rng)
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, dtype=dtype, rng=rng
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, dtype=dtype, rng=rng)
        self.dropout = Dropout(dropout, rng=rng)
        self.linear2 = Linear(dim_feedforward, d_model, bias, dtype=dtype, rng=rng)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, dtype=dtype)
        self.dropout1 = Dropout(dropout, rng=rng)
        self.dropout2 = Dropout(dropout, rng=rng)
        self.activation: Callable[[Any], Any] = activation if callable(activation) else _ACTIVATIONS[activation]

    def forward(
        self, src: Operand, src_mask: Operand | None = None, src_key_padding_mask: Operand | None = None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Apply the layer to sequences (T, N, E) or (N, T, E) or (T, E); masks as `MultiheadAttention` takes them."""
        x: Any = taken(self, src, self.linear1.weight.dtype)

        def attended(x: Any) -> Any:
            y, _ = self.self_attn(
                x, x, x, key_padding_mask=src_key_padding_mask, need_weights=False, attn_mask=src_mask,
                is_causal=is_causal,
            )  # fmt: skip
            return self.dropout1(y)

        def fed_forward(x: Any) -> Any:
            hidden = self.dropout(self.activation(self.linear1(x)))
            return self.dropout2(self.linear2(hidden))

        if self.norm_first:
            x = x + attended(self.norm1(x))
            return x + fed_forward(self.norm2(x))
        x = self.norm1(x + attended(x))
        return self.norm2(x + fed_forward(x))


class TransformerEncoder(Module):
    """Several encoder layers, one on the other.

    Parameters
    ----------
    encoder_layer : TransformerEncoderLayer
        Each layer is a copy of it, and starts with the same numbers.
    num_layers : int
        How many.
    norm : Module, optional
        What is applied to the last one's output.

    Attributes
    ----------
    layers : ModuleList
    norm : Module or None

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range; when called, as the layers.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> layer = nn.TransformerEncoderLayer(8, 2, 32, batch_first=True, rng=0)
    >>> nn.TransformerEncoder(layer, num_layers=2, norm=nn.LayerNorm(8))(np.ones((5, 7, 8))).shape
    (5, 7, 8)
    """

    def __init__(self, encoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.num_layers = size("TransformerEncoder", "num_layers", num_layers)
        # All draw from the same generators: with copies of these, they would drop the same places.
        drawing = {id(rng): rng for part in encoder_layer.modules() if (rng := vars(part).get("rng")) is not None}
        self.layers = ModuleList(deepcopy(encoder_layer, dict(drawing)) for _ in range(self.num_layers))
        self.norm = norm

    def forward(
        self, src: Operand, mask: Operand | None = None, src_key_padding_mask: Operand | None = None,
        is_causal: bool = False,
    ) -> Tensor:  # fmt: skip
        """Apply the layers to sequences (T, N, E) or (N, T, E) or (T, E); masks as `MultiheadAttention` takes them."""
        x: Any = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=is_causal)
        return x if self.norm is None else self.norm(x)
