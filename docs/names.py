"""The tables of names: what users of other libraries write there, and here, and what differs.

What has another name here is in `autograd_np.hints`, whose rows the errors for unknown names have, too. These are the
rest: names that are the same or nearly so, and what differs in how they are meant. `tests/docs/test_names.py` runs what
stands on our side, and each claim.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from autograd_np import hints

__all__ = ["TABLES", "Name", "of_hints"]


class Name(NamedTuple):
    """What is written elsewhere, and here.

    Attributes
    ----------
    there, here : str
        Python, there and here.
    differs : str
        What is not the same, in words; empty if nothing is.
    claim : str
        An expression that is true if that holds; may be empty.
    """

    there: str
    here: str
    differs: str = ""
    claim: str = ""


# Each row has what is written there, an arrow, and what is written here; below it, if they differ, how, and after
# "claim:" what shows it. f is a function of an array x to a number, g one to an array, u an array like x; t and w are
# tensors.
_PYTORCH = """
import torch.nn as nn -> import nn
    modules, losses and `nn.functional` have PyTorch's names and arguments
torch.tensor(a, requires_grad=True) -> Tensor(a, requires_grad=True)
    a copy of `a`, in its own dtype; of Python's numbers in float64, as NumPy
    claim: Tensor([1.0]).dtype == np.float64
loss.backward() -> loss.backward()
w.grad -> w.grad
    a plain array
    claim: isinstance(w.grad, np.ndarray)
torch.tanh(t) -> np.tanh(t)
    functions are NumPy's and SciPy's
    claim: np.tanh(t).requires_grad
t.sum(dim=1) -> t.sum(axis=1)
    methods and keywords of tensors are those of arrays; `nn.functional` takes `dim=` as well
    claim: np.array_equal(F.softmax(t, dim=1).data, F.softmax(t, axis=1).data)
t.std() -> t.std(ddof=1)
    `t.std()` and `t.var()` divide by n, as NumPy's, **without an error**
    claim: t.std().item() == np.std(t.data)
t.transpose(0, 1) -> t.swapaxes(0, 1)
    `transpose` takes the order of all axes, as NumPy's, **without an error**
    claim: np.array_equal(t.transpose(0, 1).data, t.data)
t.max(dim=1) -> t.max(axis=1), t.argmax(axis=1)
    values and places come apart
    claim: t.max(axis=1).shape == (2,)
nn.Linear(4, 3) -> nn.Linear(4, 3, rng=0)
    weights are drawn from `rng`, a generator or a seed: there is no global one
    claim: np.array_equal(nn.Linear(4, 3, rng=0).weight.data, nn.Linear(4, 3, rng=0).weight.data)
model.to(device) -> model
    everything is computed on the CPU
model.train(), model.eval() -> model.train(), model.eval()
model.state_dict() -> model.state_dict()
    the same keys; values are plain arrays
    claim: isinstance(model.state_dict()['0.weight'], np.ndarray)
torch.save(model.state_dict(), path) -> nn.save(model.state_dict(), path)
    a safetensors file, no pickle
optim.Adam(model.parameters(), lr=1e-3) -> nn.optim.Adam(model.parameters(), lr=1e-3)
DataLoader(data, batch_size=2, shuffle=True) -> nn.data.DataLoader(data, batch_size=2, shuffle=True, rng=0)
    the order is drawn from `rng`
with torch.no_grad(): model(x) -> with autograd_np.no_grad(): model(x)
torch.autograd.grad(loss, [w]) -> autograd_np.gradients(loss, [w])
    a tuple, as there
    claim: isinstance(autograd_np.gradients(fresh(), [w]), tuple)
torch.func.grad(f)(x) -> autograd_np.grad(f)(x)
    so with `vjp`, `jvp`, `hessian`, `vmap`; `jacrev` is `jacobian`
    claim: callable(autograd_np.jacobian(f))
torch.autograd.Function -> autograd_np.primitive(f)
    a function, and its rules by `defvjp`
torch.compile(model) -> nn.compile_step(model, nn.MSELoss(), optimizer)
    a training step becomes a NumPy program that you can read
"""
_HIPS = """
import autograd.numpy as np -> import numpy as np
    NumPy itself: tensors take part in it by its protocols
grad(f)(x) -> autograd_np.grad(f)(x)
    an array for an array; for a Python number an array without axes
    claim: np.shape(autograd_np.grad(np.tanh)(1.0)) == ()
value_and_grad(f)(x) -> autograd_np.value_and_grad(f)(x)
elementwise_grad(g)(x) -> autograd_np.elementwise_grad(g)(x)
jacobian(g)(x) -> autograd_np.jacobian(g)(x)
hessian(f)(x) -> autograd_np.hessian(f)(x)
make_vjp(g)(x) -> autograd_np.vjp(g, x)
    the value comes first, then the function, which returns a tuple
    claim: np.array_equal(autograd_np.vjp(g, x)[0], g(x)) and len(autograd_np.vjp(g, x)[1](u)) == 1
make_jvp(g)(x)(u) -> autograd_np.jvp(g, (x,), (u,))
    arguments and directions are tuples
    claim: np.allclose(autograd_np.jvp(g, (x,), (u,))[1], u * (1 - np.tanh(x) ** 2))
hessian_vector_product(f)(x, u) -> autograd_np.hvp(f, (x,), (u,))
    the same
    claim: np.allclose(autograd_np.hvp(f, (x,), (u,)), autograd_np.hessian(f)(x) @ u)
@primitive -> autograd_np.primitive(f)
defvjp(f, lambda ans, x: lambda g: g * h(x)) -> autograd_np.defvjp(double, lambda g, y, x: 2 * g)
    one function, and `g` comes first: gradient, result, arguments
flatten(params) -> autograd_np.flatten({'w': x})
    the vector, and the way back
    claim: len(autograd_np.flatten({'w': x})) == 2
autograd.misc.optimizers.adam(grad(f), x) -> nn.optim.Adam([w], lr=1e-3)
    optimisers take steps on tensors; or `scipy.optimize.minimize(value_and_grad(f), x, jac=True)`
    claim: scipy.optimize.minimize(autograd_np.value_and_grad(f), x, jac=True).success
autograd.scipy.special.gammaln(x) -> scipy.special.gammaln(w)
    ufuncs of SciPy take tensors as they stand; what else SciPy has is in `autograd_np.scipy`
    claim: scipy.special.gammaln(w).requires_grad
autograd.test_util.check_grads(f)(x) -> autograd_np.testing.check_grads(f, (x,))
    after `import autograd_np.testing`; finds a step and a tolerance by itself
a[0] = t, in a function -> y = np.zeros_like(w); y[0] = w[0]
    works where `y` is a tensor; HIPS autograd has no assignment
    claim: assigned().requires_grad
"""
_JAX = """
import jax.numpy as jnp -> import numpy as np
    NumPy itself: tensors take part in it by its protocols
jax.grad(f)(x) -> autograd_np.grad(f)(x)
    float64 stays float64: there is no switch for precision
    claim: autograd_np.grad(f)(x).dtype == np.float64
jax.value_and_grad(f, has_aux=True) -> autograd_np.value_and_grad(f, has_aux=True)
jax.grad(f, argnums=(0, 1)) -> autograd_np.grad(f, argnums=(0, 1))
jax.jacrev(g)(x), jax.jacfwd(g)(x) -> autograd_np.jacobian(g)(x)
    one, by rows
jax.hessian(f)(x) -> autograd_np.hessian(f)(x)
jax.vjp(g, x) -> autograd_np.vjp(g, x)
    a pair, and the function returns a tuple, as there
    claim: isinstance(autograd_np.vjp(g, x)[1](u), tuple)
jax.jvp(g, (x,), (u,)) -> autograd_np.jvp(g, (x,), (u,))
    costs two backward passes: there is one table of rules
jax.vmap(f, in_axes=0) -> autograd_np.vmap(f, in_axes=0)
    what cannot be computed at once runs in a loop, with a `VmapLoopWarning`
    claim: issubclass(autograd_np.VmapLoopWarning, Warning)
jax.jit(f) -> autograd_np.compile(f)
    a program of NumPy; `if x.sum() > 0` is refused with its line
jax.checkpoint(f) -> autograd_np.checkpoint(f)
jax.lax.stop_gradient(t) -> t.detach()
x.at[0].set(1.0) -> y = t * 1; y[0] = 1.0
    tensors can be written into, which is recorded
    claim: written().requires_grad
@jax.custom_vjp -> autograd_np.primitive(f)
    and `defvjp(f, lambda g, y, x: ...)`; the rule is differentiated again
jax.random.key(0) -> np.random.default_rng(0)
    NumPy's generators, which go to whatever draws
jax.tree_util.tree_map(..., params) -> autograd_np.grad(of_tree)({'w': x})
    nested dicts, lists and tuples have derivatives of the same form
    claim: set(autograd_np.grad(of_tree)({'w': x})) == {'w'}
jax.flatten_util.ravel_pytree(params) -> autograd_np.flatten({'w': x})
jax.lax.scan, jax.lax.cond -> [np.tanh(t) for _ in range(3)] if t.sum() > 0 else t
    Python's own loops and conditions, which need no other name
optax.adam(1e-3) -> nn.optim.Adam([w], lr=1e-3)
    takes steps on the tensors themselves
jax.debug_nans -> with autograd_np.detect_anomaly(): f(t)
    names the operation and your line that made it
"""
_SCIKIT_LEARN = """
MLPClassifier((32,)) -> nn.NeuralNetClassifier(hidden_layer_sizes=(32,))
    all by keyword but the network itself, which may be a class or a function that makes one
MLPRegressor() -> nn.NeuralNetRegressor()
    one target or several
clf.fit(X, y), clf.predict(X), clf.score(X, y) -> clf.fit(X, y), clf.predict(X), clf.score(X, y)
    predictions are computed in float64, so that a row's depends on no other
    claim: np.array_equal(clf.predict_proba(X)[:1], clf.predict_proba(X[:1]))
clf.predict_proba(X) -> clf.predict_proba(X)
    claim: np.allclose(clf.predict_proba(X).sum(axis=1), 1)
activation="logistic" -> nn.NeuralNetClassifier(activation="logistic")
    or a class, as `nn.GELU`
    claim: "GELU" in repr(nn.NeuralNetClassifier(activation=nn.GELU, max_iter=1, **quiet).fit(X, y).module_)
solver="adam" -> nn.NeuralNetClassifier(optimizer="adam")
    any optimiser of `nn.optim` but "lbfgs"; its arguments are `optimizer__x`
    claim: clf.set_params(optimizer="adamw", optimizer__eps=1e-7).fit(X, y).optimizer_.param_groups[0]["eps"] == 1e-7
alpha=1e-4, learning_rate_init=1e-3 -> nn.NeuralNetClassifier(alpha=1e-4, learning_rate_init=1e-3)
    so are `max_iter`, `batch_size`, `tol`, `n_iter_no_change`, `early_stopping`, `validation_fraction`, `momentum`
    claim: {"max_iter", "batch_size", "n_iter_no_change", "validation_fraction", "momentum"} <= set(clf.get_params())
random_state=0 -> nn.NeuralNetClassifier(random_state=0)
    of weights, order, split and dropout
clf.loss_curve_, clf.n_iter_ -> clf.loss_curve_, clf.n_iter_
    `history_` has all figures of the last call
    claim: clf.history_["loss"] == clf.loss_curve_
clf.coefs_, clf.intercepts_ -> clf.module_.state_dict()
    weights lie as in PyTorch, (out, in)
    claim: clf.module_.state_dict()["0.weight"].shape == (5, 4)
GridSearchCV(MLPClassifier(), {"alpha": [...]}) -> GridSearchCV(clf, {"dropout": [0.0, 0.2]})
    parameters of parts as well: `{"module__width": [8, 16]}`
class_weight="balanced", elsewhere -> nn.NeuralNetClassifier(class_weight="balanced")
    `MLPClassifier` has none; nor `dropout`, `batch_norm`, `loss`, `callbacks`, `fit__clip_grad_norm`
    claim: clf.set_params(dropout=0.1, batch_norm=True, fit__clip_grad_norm=1.0).fit(X, y).history_["loss"]
joblib.dump(clf, path) -> nn.save(clf.module_.state_dict(), path)
    joblib and pickle work, too; a file of safetensors holds the numbers alone
float64 -> nn.NeuralNetClassifier(dtype=np.float64)
    training is in float32 unless you say otherwise
    claim: clf.module_.state_dict()["0.weight"].dtype == np.float32
Pipeline, without an estimator -> nn.fit(model, X, y, optimizer=optimizer, epochs=1)["loss"]
    `nn.fit` takes any module and returns the history; `nn.predict` returns logits, `nn.accuracy` counts
    claim: nn.predict(model, X).shape == (6, 2)
"""


def _read(text: str) -> list[Name]:
    found: list[Name] = []
    for row in re.split(r"\n(?! )", text.strip()):
        first, *rest = row.split("\n    ")
        there, _, here = first.partition(" -> ")
        differs, _, claim = " ".join(rest).partition("claim: ")
        found.append(Name(there, here, differs.strip(), claim))
    return found


TABLES = {
    "PyTorch": _read(_PYTORCH),
    "HIPS autograd": _read(_HIPS),
    "JAX": _read(_JAX),
    "scikit-learn": _read(_SCIKIT_LEARN),
}


def of_hints(library: str) -> Iterator[Name]:
    """Yield what has another name here, as the errors for unknown names say it."""
    for row in hints.rows:
        if row.library == library:
            yield Name(" or ".join(row.there), row.here, row.remark)
