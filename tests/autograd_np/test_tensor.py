"""Tensor: what it holds, what it refuses, and how it gets on and off the tape."""

import copy
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, defvjp, grad, gradients, jacobian, neural, no_grad, primitive, views, vjp


def leaf(*values: float, dtype: Any = float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True, dtype=dtype)


class TestMaking:
    def test_copies_its_data(self) -> None:
        source = np.array([1.0, 2.0])
        t = Tensor(source)
        source[0] = 9.0
        np.testing.assert_array_equal(t.data, [1.0, 2.0])

    def test_attributes(self) -> None:
        t = Tensor(np.zeros((2, 3), np.float32), requires_grad=True)
        assert (t.shape, t.ndim, t.size, t.dtype) == ((2, 3), 2, 6, np.float32)
        assert t.T.shape == (3, 2)
        assert t.requires_grad
        assert t.is_leaf
        assert t.grad is None
        assert not (t * 2).is_leaf
        assert len(t) == 2

    def test_dtype_is_taken_or_given(self) -> None:
        assert Tensor([1, 2]).dtype == np.int64
        assert Tensor([1, 2], dtype=np.float32).dtype == np.float32
        assert Tensor(True).dtype == np.bool_

    @pytest.mark.parametrize("data", [["a", "b"], [None], {"a": 1}, np.array(["2020-01-01"], "M8[D]")])
    def test_refuses_what_is_not_a_number(self, data: Any) -> None:
        with pytest.raises(TypeError, match=r"Tensor: data (is an array of dtype|holds objects that are not all real)"):
            Tensor(data)

    @pytest.mark.parametrize("data", [1, True, [1, 2], np.arange(3, dtype=np.uint8)])
    def test_refuses_gradients_of_integers(self, data: Any) -> None:
        with pytest.raises(TypeError, match=r"(int64|bool|uint8) cannot require a gradient.*dtype=float"):
            Tensor(data, requires_grad=True)

    def test_refuses_to_leave_a_tape_in_silence(self) -> None:
        with pytest.raises(TypeError, match=r"detach\(\)"):
            Tensor(leaf(1.0) * 2)

    def test_cannot_be_subclassed(self) -> None:
        with pytest.raises(TypeError, match="Tensor"):
            type("Mine", (Tensor,), {})


class TestRepr:
    def test_shows_value_and_origin(self) -> None:
        x = leaf(1.0, 2.0)
        assert repr(x) == "Tensor([1., 2.], requires_grad=True)"
        assert repr(np.sum(x)) == "Tensor(3., origin=np.sum)"
        assert repr(x.detach()) == "Tensor([1., 2.])"
        assert repr(Tensor([1.0], dtype=np.float32)) == "Tensor([1.], dtype=float32)"

    def test_formats_scalars(self) -> None:
        loss = np.sum(leaf(1.0, 2.0)) / 7
        assert f"{loss:.3f}" == "0.429"
        assert f"{Tensor([[2.5]]):.1f}" == "2.5"
        with pytest.raises((TypeError, ValueError)):
            f"{leaf(1.0, 2.0):.3f}"
        assert f"{leaf(1.0)}" == "Tensor([1.], requires_grad=True)"


class TestOffTheTape:
    def test_each_way_off_is_refused_with_the_way_out(self) -> None:
        x = leaf(2.0).reshape(())
        array = np.zeros(3)

        def assign() -> None:
            array[0] = x

        def add() -> None:
            array.__iadd__(x)

        ways: list[Callable[[], Any]] = [
            lambda: np.asarray(x),
            lambda: np.array([x, x]),
            lambda: np.array(x),
            lambda: float(x),
            lambda: int(x),
            lambda: complex(x),
            lambda: x.numpy(),
            assign,
            add,
        ]
        for way in ways:
            with pytest.raises((TypeError, ValueError)) as caught:
                way()
            # NumPy wraps what goes wrong in `arr[i] = t` into an error of its own.
            assert ".data" in str(caught.value) or ".data" in str(caught.value.__cause__)
        np.testing.assert_array_equal(array, np.zeros(3))

    def test_constants_convert_freely(self) -> None:
        t = Tensor(2.0)
        assert float(t) == 2.0
        assert int(t) == 2
        assert complex(t) == 2.0
        assert [10, 11, 12][Tensor(1)] == 11
        np.testing.assert_array_equal(np.asarray(Tensor([1.0, 2.0])), [1.0, 2.0])
        assert np.asarray(t, dtype=np.float32).dtype == np.float32
        assert t.numpy() is t.data

    def test_item_and_detach(self) -> None:
        x = leaf(3.0)
        assert (x * 2).item() == 6.0
        assert (x * 2).tolist() == [6.0]
        d = x.detach()
        assert not d.requires_grad
        assert np.shares_memory(d.data, x.data)
        with pytest.raises(ValueError, match=r"size 1|one element"):
            leaf(1.0, 2.0).item()

    def test_pickle_and_deepcopy_of_leaves(self) -> None:
        x = leaf(1.0, 2.0)
        for other in (copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x))):
            assert other is not x
            assert other.requires_grad
            assert not np.shares_memory(other.data, x.data)
            np.testing.assert_array_equal(other.data, x.data)
        with pytest.raises(TypeError, match=r"only leaves.*detach"):
            copy.deepcopy(x * 2)

    @pytest.mark.parametrize("how", [copy.copy, copy.deepcopy])
    def test_a_copy_of_a_functions_argument_is_recorded(self, how: Callable[[Any], Any]) -> None:
        def loss(p: dict[str, Any]) -> Any:
            q = {name: how(value) for name, value in p.items()}
            q["w"] *= 2.0
            return np.sum(q["w"] ** 2)

        p = {"w": np.ones(2)}
        np.testing.assert_array_equal(grad(loss)(p)["w"], [8.0, 8.0])
        np.testing.assert_array_equal(grad(lambda p: np.sum(grad(loss)(p)["w"] ** 2))(p)["w"], [128.0, 128.0])
        np.testing.assert_array_equal(p["w"], [1.0, 1.0])

    def test_a_functions_argument_is_not_pickled(self) -> None:
        with pytest.raises(TypeError, match="arguments of a function that is being differentiated"):
            grad(lambda x: pickle.loads(pickle.dumps(x)) * 1.0)(1.0)


class TestBackward:
    def test_accumulates_as_pytorch_does(self) -> None:
        x = leaf(1.0, 2.0)
        (x * x).sum().backward()
        held = x.grad
        (x * x).sum().backward()
        np.testing.assert_array_equal(x.grad, [4.0, 8.0])
        np.testing.assert_array_equal(held, [2.0, 4.0])

    def test_scalar_of_any_shape(self) -> None:
        x = leaf(3.0)
        (x * x).reshape(1, 1).backward()
        np.testing.assert_array_equal(x.grad, [6.0])

    def test_non_scalar_needs_a_gradient(self) -> None:
        x = leaf(1.0, 2.0)
        with pytest.raises(RuntimeError, match=r"shape \(2,\) is no scalar.*sum\(\)"):
            (x * 2).backward()
        with pytest.raises(ValueError, match=r"gradient of shape \(3,\) for a tensor of shape \(2,\)"):
            (x * 2).backward(gradient=np.ones(3))
        assert x.grad is None
        (x * 2).backward(gradient=Tensor([1.0, 10.0]))
        np.testing.assert_array_equal(x.grad, [2.0, 20.0])

    def test_off_the_tape(self) -> None:
        with pytest.raises(RuntimeError, match=r"does not require a gradient.*requires_grad=True"):
            Tensor(1.0).backward()

    def test_leaf_itself(self) -> None:
        x = leaf(5.0)
        x.backward()
        np.testing.assert_array_equal(x.grad, [1.0])

    def test_gradient_can_be_set_and_is_checked(self) -> None:
        x = leaf(1.0, 2.0, dtype=np.float32)
        x.grad = [1, 2]
        assert x.grad is not None
        assert x.grad.dtype == np.float32
        with pytest.raises(ValueError, match=r"shape \(3,\).*shape \(2,\)"):
            x.grad = np.ones(3)

    def test_freeze_and_thaw(self) -> None:
        a, b = leaf(2.0), leaf(3.0)
        a.requires_grad = False
        (a * b).backward()
        assert a.grad is None
        a.requires_grad = True
        (a * b).backward()
        np.testing.assert_array_equal(a.grad, [3.0])
        with pytest.raises(RuntimeError, match="leaves only"):
            (a * b).requires_grad = False

    def test_frozen_between_two_forward_passes(self) -> None:
        w = leaf(1.0, 2.0)
        a = (w * 3).sum()
        w.requires_grad = False
        constant = w * 7
        w.requires_grad = True
        b = (w * 10).sum()
        (a + b + constant.sum()).backward()
        np.testing.assert_array_equal(w.grad, [13.0, 13.0])

    def test_frozen_after_the_graph_was_spent(self) -> None:
        """What was computed before is spent, and not independent of the tensor, though its graph is gone."""
        x = Tensor([1.0, 2.0], requires_grad=True)
        y = x * 2
        y.sum().backward()
        x.requires_grad = False
        x.requires_grad = True
        with pytest.raises(RuntimeError, match="spent"):
            gradients(np.sum(y * 3), x)

    def test_frozen_tensors_that_are_gone_are_forgotten(self) -> None:
        tensors = [Tensor([1.0], requires_grad=True) for _ in range(50)]
        for _ in range(3):
            for x in tensors:
                x.requires_grad = not x.requires_grad
        before = len(views._frozen)
        del tensors, x
        assert len(views._frozen) == before - 50

    def test_frozen_before_the_backward_pass(self) -> None:
        w, v = leaf(1.0, 2.0), leaf(1.0)
        y = (w * 3).sum() * v
        w.requires_grad = False
        y.backward()
        assert w.grad is None
        np.testing.assert_array_equal(v.grad, [9.0])

    def test_another_leaf_at_the_same_address_is_not_thawed(self) -> None:
        for _ in range(20):
            w = leaf(1.0)
            y = w * 2.0
            w.requires_grad = False
            del w
            u = leaf(1.0)
            u.requires_grad = False
            u.requires_grad = True
            y.backward()
            assert u.grad is None

    def test_complex_scalars_have_no_gradient_by_real_leaves(self) -> None:
        x, z = leaf(3.0), Tensor(1 + 2j, requires_grad=True)
        with pytest.raises(TypeError, match=r"backward\(\).*complex.*y\.real"):
            (x * 1j).sum().backward()
        with pytest.raises(TypeError, match=r"gradients: input 0.*complex"):
            gradients((x * 1j).sum(), x)
        (x * 1j).sum().backward(gradient=1j)
        np.testing.assert_array_equal(x.grad, [-1.0])
        (z * z).backward()
        assert z.grad == 2 * (1 + 2j)


class TestGradients:
    def test_leaves_grad_alone(self) -> None:
        x, w = leaf(2.0), leaf(3.0)
        gx, gw = gradients(x * x * w, [x, w])
        assert (gx.item(), gw.item()) == (12.0, 4.0)
        assert x.grad is None
        assert w.grad is None

    def test_intermediate_results_and_leaves_at_once(self) -> None:
        x = leaf(2.0)
        y = x * x
        z = y * y
        gx, gy = gradients(z, [x, y])
        assert (gx.item(), gy.item()) == (32.0, 8.0)

    def test_several_outputs_with_weights(self) -> None:
        x = leaf(1.0, 2.0)
        (g,) = gradients([x * 2, (x * x).sum()], x, [np.array([1.0, 0.0]), None])
        np.testing.assert_array_equal(g.data, [4.0, 4.0])
        with pytest.raises(ValueError, match="2 outputs with 1"):
            gradients([x * 2, x * 3], x, [np.ones(2)])

    def test_unused_input_is_zero(self) -> None:
        x, unused = leaf(1.0), Tensor(np.ones((2, 2), np.float32), requires_grad=True)
        _, g = gradients(x * 2, [x, unused])
        np.testing.assert_array_equal(g.data, np.zeros((2, 2)))
        assert g.dtype == np.float32

    def test_constant_input_is_refused(self) -> None:
        x = leaf(1.0)
        with pytest.raises(RuntimeError, match="input 1 does not require"):
            gradients(x * 2, [x, Tensor(1.0)])

    def test_input_changed_after_the_outputs_is_refused(self) -> None:
        x = leaf(2.0)
        t = x * 1.0
        y = t + 1.0
        t += 1.0
        with pytest.raises(RuntimeError, match="input 0 was made, or changed in place, after the outputs"):
            gradients(y, t)

    def test_no_outputs(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            gradients([], leaf(1.0))

    def test_stops_at_the_inputs(self) -> None:
        """What is older than the inputs is neither visited nor released."""
        x = leaf(2.0)
        y = x * x
        z = y * 3
        (g,) = gradients(z, y)
        assert g.item() == 3.0
        y.backward()  # y's own node was not released
        np.testing.assert_array_equal(x.grad, [4.0])

    def test_results_do_not_share_memory(self) -> None:
        a, b = leaf(1.0), leaf(2.0)
        ga, gb = gradients(a + b, [a, b])
        assert not np.shares_memory(ga.data, gb.data)
        g1, g2 = gradients(a + b, [a, a])
        assert g1.item() == g2.item() == 1.0
        assert not np.shares_memory(g1.data, g2.data)

    def test_results_are_nobody_elses_memory(self) -> None:
        """Neither the weights, nor what a rule hands out of the tape, nor a view of either."""
        x, seed, slope = leaf(1.0, 2.0), np.array([3.0, 4.0]), np.array([5.0, 6.0])
        same = primitive(lambda x, slope: x)
        defvjp(same, lambda g, _y, _x, slope: slope, None)
        viewed = primitive(lambda x, slope: x)
        defvjp(viewed, lambda g, _y, _x, slope: slope[:], None)
        for f, kept in ((np.positive, seed), (lambda x: same(x, slope), slope), (lambda x: viewed(x, slope), slope)):
            (g,) = gradients(f(x), x, seed)
            np.testing.assert_array_equal(g.data, kept)
            assert not np.shares_memory(g.data, kept)

    def test_fresh_gradients_are_handed_out_without_a_copy(self) -> None:
        made: list[int] = []
        f = primitive(lambda x: x)
        defvjp(f, lambda g, _y, _x: made.append(id(result := g * 2)) or result)
        x = leaf(1.0, 2.0)
        (g,) = gradients(f(x).sum(), x)
        assert made == [id(g.data)]

    @pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
    def test_any_order(self, order: int) -> None:
        x = leaf(0.7).reshape(())
        y = np.exp(x * 2.0)
        for _ in range(order):
            (y,) = gradients(y, x, create_graph=True)
        np.testing.assert_allclose(y.item(), 2.0**order * np.exp(1.4))

    def test_create_graph_retains_the_graph_unless_told(self) -> None:
        x = leaf(2.0)
        y = x * x * x
        gradients(y, x, create_graph=True)
        gradients(y, x, retain_graph=False)
        with pytest.raises(RuntimeError, match="spent"):
            gradients(y, x)

    def test_gradient_penalty(self) -> None:
        """The gradient of a squared gradient norm, as in double backpropagation."""
        w = leaf(1.0, -2.0)
        x = leaf(0.5, 0.25)
        (g,) = gradients(np.tanh(w @ x), x, create_graph=True)
        np.sum(g * g).backward()
        eps = 1e-6

        def penalty(v: np.ndarray) -> float:
            return float(np.sum(((1 - np.tanh(v @ x.data) ** 2) * v) ** 2))

        numerical = [(penalty(w.data + eps * e) - penalty(w.data - eps * e)) / (2 * eps) for e in np.eye(2)]
        np.testing.assert_allclose(w.grad, numerical, rtol=1e-7)


class TestOperators:
    @given(
        st.sampled_from(["add", "sub", "mul", "truediv", "pow", "mod", "floordiv"]),
        st.sampled_from(["tensor", "array", "scalar", "float64"]),
        st.booleans(),
        st.integers(0, 2**32 - 1),
    )
    def test_values_are_numpys(self, name: str, kind: str, reflected: bool, seed: int) -> None:
        rng = np.random.default_rng(seed)
        a = rng.uniform(0.5, 2.0, (2, 3))
        other: Any = {
            "tensor": Tensor(rng.uniform(0.5, 2.0, (3,))),
            "array": rng.uniform(0.5, 2.0, (2, 1)),
            "scalar": 1.5,
            "float64": np.float64(1.5),
        }[kind]
        raw = other.data if kind == "tensor" else other
        function = getattr(operator, name)
        x = Tensor(a, requires_grad=True)
        result, expected = (
            (function(other, x), function(raw, a)) if reflected else (function(x, other), function(a, raw))
        )
        assert isinstance(result, Tensor)
        assert result.requires_grad
        np.testing.assert_array_equal(result.data, expected)

    def test_unary(self) -> None:
        x = leaf(-1.5, 2.0)
        np.testing.assert_array_equal((-x).data, [1.5, -2.0])
        np.testing.assert_array_equal((+x).data, x.data)
        np.testing.assert_array_equal(abs(x).data, [1.5, 2.0])

    @pytest.mark.parametrize(
        ("method", "arguments"),
        [
            ("cumsum", ()), ("cumsum", (1,)), ("cumprod", (0,)), ("trace", ()), ("trace", (1,)), ("take", ([2, 0], 1)),
            ("take", ([4, -1],)), ("repeat", (2,)), ("repeat", ([1, 0, 2], 1)), ("diagonal", ()), ("diagonal", (-1,)),
            ("round", ()), ("round", (1,)), ("argsort", ()), ("argsort", (0,)), ("nonzero", ()), ("conjugate", ()),
            ("__round__", ()), ("__divmod__", (0.7,)), ("__rdivmod__", (2.0,)),
        ],
    )  # fmt: skip
    def test_methods_are_numpys(self, method: str, arguments: tuple[Any, ...]) -> None:
        x = np.random.default_rng(0).normal(size=(2, 3)) * 3
        t = Tensor(x, requires_grad=True)
        expected = np.round(x) if method == "__round__" else getattr(x, method)(*arguments)
        found = getattr(t, method)(*arguments)
        for part, value in zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]:
            np.testing.assert_allclose(part.data if isinstance(part, Tensor) else part, value, rtol=1e-14)
            assert isinstance(part, Tensor) == (method not in ("argsort", "nonzero"))
            assert not isinstance(part, Tensor) or part.requires_grad

    def test_matmul_takes_arrays_on_either_side(self) -> None:
        x = Tensor(np.eye(2), requires_grad=True)
        a = np.arange(4.0).reshape(2, 2)
        np.testing.assert_array_equal((a @ x).data, a)
        np.testing.assert_array_equal((x @ a).data, a)

    def test_comparisons_are_plain(self) -> None:
        x = leaf(1.0, 2.0)
        for result in (x == x, x != 1.0, x < 2, x <= [1, 1], x < 1.5, np.array([0.0, 3.0]) >= x, np.isnan(x)):
            assert type(result) is np.ndarray
            assert result.dtype == bool
        assert (leaf(1.0).sum() < 2) is np.True_ or bool(leaf(1.0).sum() < 2)

    def test_hash_is_identity(self) -> None:
        a, b = leaf(1.0), leaf(1.0)
        assert len({a, b, a}) == 2

    def test_iteration_and_membership(self) -> None:
        x = leaf(1.0, 2.0)
        first, second = x
        (first * second).backward()
        np.testing.assert_array_equal(x.grad, [2.0, 1.0])
        assert 2.0 in x
        with pytest.raises(TypeError):
            iter(Tensor(1.0)).__next__()

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
    def test_python_scalars_do_not_promote(self, dtype: Any) -> None:
        x = leaf(1.0, 2.0, dtype=dtype)
        for y in (
            x + 1,
            2.5 * x,
            x / 3,
            1 - x,
            x**2,
            x**0.5,
            2.0**x,
            np.maximum(x, 0.0),
            np.clip(x, 0.0, 1.5),
            x.mean(),
        ):
            assert y.dtype == dtype
            (g,) = gradients(y.sum(), x, create_graph=True)
            assert g.dtype == dtype

    def test_mixed_precision_casts_the_gradient(self) -> None:
        a, b = leaf(1.0, dtype=np.float32), leaf(2.0)
        (a * b).backward()
        assert a.grad is not None
        assert a.grad.dtype == np.float32
        assert b.grad is not None
        assert b.grad.dtype == np.float64


class TestProtocols:
    def test_ufuncs_and_functions_are_recorded(self) -> None:
        x = leaf(0.5, 1.0)
        for y in (np.exp(x), np.sum(x), np.concatenate([x, np.ones(2)]), scipy.special.expit(x), np.add(1.0, x)):
            assert isinstance(y, Tensor)
            assert y.requires_grad

    def test_function_without_a_rule(self) -> None:
        with pytest.raises(TypeError, match=r"np\.histogram has no derivative rule.*defvjp\(np\.histogram.*\.data"):
            np.histogram(leaf(1.0))
        with pytest.raises(TypeError, match=r"np\.spacing has no derivative rule"):
            np.spacing(leaf(1.0))

    def test_messages_name_what_was_called(self) -> None:
        t = Tensor([1.0, 2.0], requires_grad=True)
        with pytest.raises(TypeError, match=r"^np\.exp\.at has no derivative rule"):
            np.exp.at(t, [0])
        with pytest.raises(TypeError, match=r"^np\.add\.at is not supported on tensors: .*t\[index\] = value"):
            np.add.at(t, [0], 1.0)
        with pytest.raises(TypeError, match=r"scipy\.special\.jv: .* with respect to argument 0 \(v\)"):
            scipy.special.jv(t, 1.0)

    def test_unsupported_keyword(self) -> None:
        x = leaf(1.0, 2.0)
        with pytest.raises(TypeError, match=r"np\.var: mean=.* not supported.*axis=.*keepdims="):
            np.var(x, mean=np.array(1.5))
        with pytest.raises(TypeError, match=r"np\.exp: out= cannot be a plain array"):
            np.exp(x, out=np.zeros(2))

    def test_tensor_as_a_keyword_argument_is_refused(self) -> None:
        with pytest.raises(TypeError, match=r"initial= cannot be a Tensor"):
            np.sum(leaf(1.0), initial=leaf(1.0)[0])

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda x: np.reshape(x, (2,), order="C", copy=None, no=1), "no"),
            (lambda x: np.broadcast_arrays(x, x, subok=True), r"np\.broadcast_arrays: subok=True is not supported"),
            (lambda x: np.clip(x, 0, 1, dtype=np.float32), r"np\.clip: dtype=.* is not supported .*a_min="),
            (lambda x: np.frexp(x, where=[True, False]), r"np\.frexp: where=\[True, False\] is not supported"),
            (lambda x: np.matvec(x[None], x, axes=[(0, 1), 0, 0]), r"np\.matvec: axes=.* is not supported"),
            (lambda x: np.einsum("i->", x, dtype=float), r"np\.einsum: dtype=.* is not supported .*optimize="),
            (lambda x: np.array([x], order="F", like=x), r"np\.array: order='F' is not supported .*ndmin="),
            (lambda x: np.astype(x, float, device="cpu"), r"np\.astype: device='cpu' is not supported"),
            (lambda x: np.copyto(x, x, no=2), "no"),
        ],
    )
    def test_keyword_of_numpys_that_is_not_supported_is_named_with_the_function(self, call: Any, message: str) -> None:
        """Also where the function is made of others, whose names nobody has written."""
        with pytest.raises(TypeError, match=message):
            call(leaf(1.0, 2.0))

    def test_tensor_off_the_tape_as_a_keyword_argument(self) -> None:
        x = leaf(1.0, 2.0, 4.0)
        np.sum(x, where=Tensor([True, False, True]), initial=Tensor(1.0)).backward()
        np.testing.assert_array_equal(x.grad, [1, 0, 1])

    @pytest.mark.parametrize(
        ("call", "kind"),
        [
            (lambda: np.linalg.inv(leaf([1.0, 2.0], [2.0, 4.0])), np.linalg.LinAlgError),
            (lambda: np.linalg.cond(leaf(1.0)), np.linalg.LinAlgError),
            (lambda: np.sum(leaf(1.0), axis=3), np.exceptions.AxisError),
            (lambda: np.diff(leaf(1.0), axis=3), np.exceptions.AxisError),
        ],
    )
    def test_errors_are_of_numpys_kind(self, call: Any, kind: Any) -> None:
        with pytest.raises(kind, match=r"np\..* of float64"):
            call()

    def test_whole_numbers_among_several_results_are_off_the_tape(self) -> None:
        y, step = np.linspace(leaf(1.0)[0], 3.0, 3, retstep=True, dtype=int)
        assert not y.requires_grad
        assert step.requires_grad

    def test_no_results(self) -> None:
        assert np.gradient(leaf(1.0)[0]) == ()

    def test_unknown_keyword_is_numpys_error(self) -> None:
        with pytest.raises(TypeError, match="nonsense"):
            np.sum(leaf(1.0), nonsense=1)

    def test_keyword_and_positional_calls_meet_the_same_rule(self) -> None:
        x = Tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
        for y in (np.sum(x, 0), np.sum(x, axis=0), np.sum(a=x, axis=0), np.sum(x, 0, None), x.sum(0), x.sum(axis=0)):
            np.testing.assert_array_equal(y.data, [3.0, 5.0, 7.0])
            (g,) = gradients(y @ np.array([1.0, 2.0, 3.0]), x)
            np.testing.assert_array_equal(g.data, [[1.0, 2.0, 3.0]] * 2)

    def test_error_names_operation_and_shapes(self) -> None:
        a, b = Tensor(np.ones((2, 3)), requires_grad=True), np.ones((4, 5))
        with pytest.raises(ValueError, match=r"np\.matmul of float64 \(2, 3\) and float64 \(4, 5\)"):
            a @ b
        with pytest.raises(ValueError, match=r"np\.add of float64 \(2, 3\) and float64 \(4, 5\).*broadcast"):
            a + b

    def test_function_of_several_outputs(self) -> None:
        @primitive
        def sine_cosine(x: Any) -> Any:
            return np.sin(x), np.cos(x)

        from autograd_np import defvjp

        defvjp(sine_cosine, lambda g, y, _x: g[0] * y[1] - g[1] * y[0])
        x = leaf(0.3).reshape(())
        sine, cosine = sine_cosine(x)
        (g,) = gradients(sine * cosine, x, create_graph=True)
        np.testing.assert_allclose(g.item(), np.cos(0.6))
        (gg,) = gradients(g, x, create_graph=True)
        np.testing.assert_allclose(gg.item(), -2 * np.sin(0.6))
        (only,) = gradients(sine_cosine(x)[1], x)
        np.testing.assert_allclose(only.item(), -np.sin(0.3))

    def test_primitive_without_rule(self) -> None:
        @primitive
        def bare(x: Any) -> Any:
            return x * 2

        with pytest.raises(TypeError, match=r"bare: it has no derivative with respect to argument 0.*defvjp"):
            bare(leaf(1.0))
        assert bare(Tensor(1.0)).item() == 2.0
        assert bare(3.0) == 6.0


def stale_view(x: Any) -> Any:
    h = x * 1.0
    row = h[0]
    h *= 10.0
    row += 1.0
    return (row * row).sum() + h.sum()


def base_of_a_written_view(x: Any) -> Any:
    h = x * 1.0
    column = h[:, 1]
    column *= x[:, 0]
    h += 1.0
    return (h * h).sum()


def slices_in_place(x: Any) -> Any:
    h = x * 1.0
    h[1:] += x[:1] * x[1:]
    h[0] -= 2.0
    h[:, 1] *= 3.0
    h[..., ::2] /= 2.0
    h[0][1:] *= x[1, 1:]
    return (h * h).sum()


def heat(x: Any) -> Any:
    v = x.reshape(-1) * 1.0
    for _ in range(3):
        v[1:-1] += 0.1 * (v[2:] - 2 * v[1:-1] + v[:-2])
    return (v * v).sum()


def filled_slice_by_slice(x: Any) -> Any:
    out = np.zeros_like(x)
    early = out[1]
    out[1:] += x[:1] * 2.0
    out[0] += np.sin(x[1])
    early *= x[0]
    return (out * out).sum()


def views_of_views(x: Any) -> Any:
    h = x * 1.0
    t = h.T[1:]
    t[0] *= 5.0
    corner = t[::-1].reshape(-1)[:1] if isinstance(x, Tensor) else t[::-1][:1, 0]
    h.reshape(3, 2)[1] -= x[0, :2]
    t *= x[:, 1:].T
    return (h * h).sum() + (t * t).sum() + corner.sum() * 0.0


def out_and_copyto(x: Any) -> Any:
    h = x * 1.0
    row = h[0]
    np.add(row, x[1], out=row)
    np.copyto(h[1], row * 3.0)
    np.multiply(h, h[:, ::-1], out=h)
    return (h * h).sum()


def swapped(x: Any) -> Any:
    h = x * 1.0
    h[0], h[1] = h[1] * 1.0, h[0] * 2.0
    h[[0, 1], [1, 0]] = x[0, :2] * 3.0
    h[h > 100.0] = 0.0
    return (h * h).sum()


def parts_of_complex_numbers(x: Any) -> Any:
    z = x * (1 + 2j)
    real, imaginary = z.real, z.imag[1:]
    real += x * x
    imaginary *= 3.0
    z *= x
    return (z * np.conj(z)).real.sum() + (real * real).sum()


IN_PLACE = {
    f.__name__: f
    for f in (
        stale_view, base_of_a_written_view, slices_in_place, heat, filled_slice_by_slice, views_of_views,
        out_and_copyto, swapped, parts_of_complex_numbers,
    )
}  # fmt: skip


class TestInPlace:
    def test_item_assignment_gives_the_right_gradient(self) -> None:
        x, v = leaf(1.0, 2.0, 3.0), Tensor(5.0, requires_grad=True)
        y = x * 2
        y[1] = v * v
        np.sum(y * np.array([1.0, 10.0, 100.0])).backward()
        np.testing.assert_array_equal(y.data, [2.0, 25.0, 6.0])
        np.testing.assert_array_equal(x.grad, [2.0, 0.0, 200.0])
        np.testing.assert_array_equal(v.grad, 100.0)

    def test_assignment_into_a_fresh_tensor(self) -> None:
        x = leaf(1.0, 2.0)
        out = Tensor(np.zeros(3))
        for i in range(2):
            out[i] = x[i] ** 2
        out.sum().backward()
        np.testing.assert_array_equal(x.grad, [2.0, 4.0])

    @pytest.mark.parametrize("name", ["iadd", "isub", "imul", "itruediv", "ipow"])
    def test_augmented_assignment(self, name: str) -> None:
        x, u = leaf(1.5, 2.0), leaf(0.5, 3.0)
        t = x * 1.0
        memory = t.data
        t = getattr(operator, name)(t, u)
        assert t.data is memory
        plain = getattr(operator, name.replace("i", "", 1))(x, u)
        expected = gradients(plain.sum(), [x, u])
        actual = gradients(t.sum(), [x, u])
        for a, b in zip(actual, expected, strict=True):
            np.testing.assert_allclose(a.data, b.data)

    def test_earlier_reader_notices(self) -> None:
        x = leaf(1.0, 2.0)
        t = x * 1.0
        y = t * t
        t[0] = 9.0
        with pytest.raises(RuntimeError, match=r"np\.multiply.*changed in place"):
            y.sum().backward()

    @pytest.mark.parametrize("f", IN_PLACE.values(), ids=IN_PLACE)
    def test_views_and_what_they_are_views_of(self, f: Callable[[Any], Any]) -> None:
        """The same program in plain NumPy has these differences."""
        x, h = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]]), 1e-5
        t = Tensor(x, requires_grad=True)
        loss = f(t)
        assert loss.data == f(x)
        units = np.eye(6).reshape(6, 2, 3) * h
        differences = [(f(x + unit) - f(x - unit)) / (2 * h) for unit in units]
        np.testing.assert_allclose(gradients(loss, t)[0].data.ravel(), differences, rtol=1e-7, atol=1e-8)

    @pytest.mark.parametrize("sweep", ["backward", "gradients", "no_grad", "grad", "jacobian", "vjp"])
    def test_a_view_that_was_written_through_its_base_is_swept_from(self, sweep: str) -> None:
        def stale(x: Any) -> Any:
            h = x * 1.0
            row = h[:1]
            h *= 10.0
            return row

        def late(x: Any) -> Any:
            buffer = np.zeros_like(x)
            row = buffer[:1]
            buffer += x * 10.0
            return row

        for f in (stale, late):
            x, array = leaf(1.0, 2.0), np.array([1.0, 2.0])
            if sweep == "backward":
                f(x).backward()
                found: Any = x.grad
            elif sweep == "no_grad":
                y = f(x)
                with no_grad():
                    y.backward()
                found = x.grad
            elif sweep == "gradients":
                found = gradients(f(x), x)[0].data
            elif sweep == "grad":
                found = grad(f)(array)
            elif sweep == "jacobian":
                found = jacobian(f)(array)[0]
            else:
                found = vjp(f, array)[1](np.ones(1))[0]
            np.testing.assert_array_equal(found, [10.0, 0.0])

    def test_a_view_of_what_has_come_on_a_tape_requires_a_gradient(self) -> None:
        buffer, w = Tensor(np.zeros(3)), leaf(2.0)
        view, alias = buffer[1:], buffer.detach()
        assert not view.requires_grad
        buffer[1:] = w
        assert view.requires_grad
        assert not view.is_leaf
        assert not alias.requires_grad
        for way in (lambda: np.asarray(view), lambda: Tensor(view), view.numpy, lambda: float(view[0])):
            with pytest.raises(TypeError):
                way()
        assert not buffer[:1].data.any()

    def test_view_knows_nothing_of_what_is_written_elsewhere(self) -> None:
        """What a rule needs of one row stays valid when another one is written."""
        out, w = Tensor(np.zeros((4, 2))), leaf(2.0, 3.0)
        out[0] = w
        for i in range(1, 4):
            out[i] = out[i - 1] * w
        out.sum().backward()
        np.testing.assert_allclose(w.grad, 1 + 2 * w.data + 3 * w.data**2 + 4 * w.data**3)

    def test_a_detached_tensor_takes_no_recorded_value(self) -> None:
        v, h = leaf(5.0), leaf(1.0, 2.0) * 1.0
        with no_grad():
            constant = h[:1]
        for alias in (h.detach(), h[1:].detach(), constant, h.detach()[:1]):
            before = h.data.copy()
            with pytest.raises(RuntimeError, match=r"detached, or taken under no_grad\(\).*t\.copy\(\)"):
                alias += v
            with pytest.raises(RuntimeError, match="detached"):
                alias[0] = v[0]
            np.testing.assert_array_equal(h.data, before)
        h.detach()[0] = 7.0  # a constant may be written, and is noticed
        with pytest.raises(RuntimeError, match=r"np\.sin: .*changed in place afterwards, behind the tape"):
            np.sin(h)

    def test_what_is_broadcast_is_read_only(self) -> None:
        t = np.broadcast_to(leaf(1.0) * 1.0, (3,))
        with pytest.raises(ValueError, match=r"read-only.*t\.copy\(\)"):
            t += 1.0

    def test_own_primitives_return_no_views(self) -> None:
        @primitive
        def window(x: Any) -> Any:
            return np.lib.stride_tricks.as_strided(x, (2, 2), (8, 8))

        @primitive
        def same(x: Any) -> Any:
            return x

        @primitive
        def halves(x: Any) -> Any:
            return x[:1], x[1:]

        x = Tensor([1.0, 2.0, 3.0])
        for y in (window(x), same(x), *halves(x)):
            assert not np.shares_memory(y.data, x.data)

    @pytest.mark.parametrize("f", [np.real, lambda t: neural.flatten(t[None]), np.ravel, lambda t: np.rot90(t[None])])
    def test_what_may_be_the_argument_itself_is_a_view_of_it(self, f: Callable[[Any], Any]) -> None:
        leaves = leaf(1.0, 2.0)
        with pytest.raises(RuntimeError, match="a leaf that requires a gradient, or a view of one"):
            f(leaves).__imul__(2.0)
        h = leaves * 1.0
        view = f(h)
        view *= 3.0
        h *= 5.0
        np.testing.assert_array_equal(gradients((view * view).sum(), leaves)[0].data, 2 * 225 * leaves.data)

    def test_a_result_without_a_gradient_is_no_constant_in_silence(self) -> None:
        @primitive
        def rounded(x: Any) -> Any:
            return np.rint(x).astype(int)

        defvjp(rounded, lambda g, _y, _x: g)
        with pytest.raises(TypeError, match=r"rounded: its result has dtype int64, which carries no gradient"):
            rounded(leaf(1.5))
        assert rounded(Tensor(1.5)).item() == 2

    def test_lists_are_nobody_elses(self) -> None:
        x, source, places = Tensor(np.arange(8.0).reshape(2, 2, 2), requires_grad=True), [0], [1, 0]
        y, z = np.moveaxis(x, source, [2]), x[places]
        source[0], places[0] = 1, 0
        weights = np.arange(8.0).reshape(2, 2, 2)
        (gy,) = gradients(np.sum(y * weights), x)
        (gz,) = gradients(np.sum(z * weights), x)
        np.testing.assert_array_equal(gy.data, np.moveaxis(weights, 2, 0))
        np.testing.assert_array_equal(gz.data, weights[::-1])

    def test_nothing_is_refused_under_no_grad_for_the_tapes_sake(self) -> None:
        w, buffer = leaf(1.0, 2.0), Tensor(np.zeros((2, 2)))
        h = w * 1.0
        with no_grad():
            buffer[0] += w
            w[1:] *= 3.0
            h += w
        np.testing.assert_array_equal(buffer.data, [[1.0, 2.0], [0.0, 0.0]])
        np.testing.assert_array_equal(w.data, [1.0, 6.0])
        np.testing.assert_array_equal(h.data, [2.0, 8.0])

    def test_leaf_is_refused_while_recording(self) -> None:
        x = leaf(1.0, 2.0)

        def assign() -> None:
            x[0] = 5.0

        def add() -> None:
            x.__iadd__(1.0)

        for change in (assign, add):
            with pytest.raises(RuntimeError, match=r"leaf.*no_grad\(\)"):
                change()
        np.testing.assert_array_equal(x.data, [1.0, 2.0])

    def test_leaf_is_changed_itself_under_no_grad(self) -> None:
        p = leaf(1.0, 2.0)
        same, memory = p, p.data
        (p * p).sum().backward()
        with no_grad():
            p -= 0.5 * p.grad
            p[0] = 7.0
        assert p is same
        assert p.data is memory
        assert p.is_leaf
        assert p.requires_grad
        np.testing.assert_array_equal(p.data, [7.0, 0.0])

    def test_view_of_a_leaf_is_refused_while_recording(self) -> None:
        x = leaf(1.0, 2.0)
        view = x[1:]
        with pytest.raises(RuntimeError, match=r"leaf.*or a view of one"):
            view[0] = 5.0
        with pytest.raises(RuntimeError, match=r"leaf.*or a view of one"):
            x.T.__imul__(2.0)
        np.testing.assert_array_equal(x.data, [1.0, 2.0])
        with no_grad():
            x[1:][0] = 5.0
        np.testing.assert_array_equal(x.data, [1.0, 5.0])

    def test_out(self) -> None:
        x, u = leaf(1.0, 2.0), leaf(3.0, 5.0)
        t = x * 1.0
        result = np.multiply(t, u, out=t)
        assert result is t
        np.testing.assert_array_equal(t.data, [3.0, 10.0])
        gx, gu = gradients(t.sum(), [x, u])
        np.testing.assert_array_equal(gx.data, [3.0, 5.0])
        np.testing.assert_array_equal(gu.data, [1.0, 2.0])
        fresh = Tensor(np.zeros(2))
        np.add(x, 1.0, out=fresh)
        fresh.sum().backward()
        np.testing.assert_array_equal(x.grad, [1.0, 1.0])
        with pytest.raises(TypeError, match="dtype float64 does not fit int64"):
            np.add(Tensor([1, 2]), 0.5, out=Tensor([1, 2]))
        with pytest.raises(TypeError, match="cannot hold a value that requires a gradient"):
            np.add(x, 0.5, out=Tensor([1, 2]))
        with pytest.raises(ValueError, match=r"result of shape \(2,\) does not fit \(3,\)"):
            np.add(x, 1.0, out=Tensor(np.zeros(3)))

    def test_out_of_several_results_is_refused(self) -> None:
        x, whole = Tensor([1.5], requires_grad=True), Tensor([0.0])
        with pytest.raises(TypeError, match=r"np\.modf: out= is not supported .* several results"):
            np.modf(x, out=(None, whole))
        assert whole.data == [0.0]
        assert np.modf(x, out=(None, None))[0].data == [0.5]

    @pytest.mark.parametrize("where", [True, np.array([True, False, True])])
    def test_copyto(self, where: Any) -> None:
        x, u = Tensor([1.0, 2.0, 3.0], requires_grad=True), Tensor([4.0], requires_grad=True)
        t = x * 2
        np.copyto(t, u * u, where=where)
        np.testing.assert_array_equal(t.data, np.where(where, 16, [2, 4, 6]))
        np.sum(t * [1, 10, 100]).backward()
        np.testing.assert_array_equal(x.grad, np.where(where, 0, [2, 20, 200]))
        np.testing.assert_array_equal(u.grad, [8 * np.sum(np.where(where, [1, 10, 100], 0))])

    def test_copyto_refuses_what_would_lose_a_gradient(self) -> None:
        t = Tensor([1.0, 2.0], requires_grad=True)
        array, single = np.zeros(2), Tensor(np.zeros(2, np.float32))
        with pytest.raises(TypeError, match=r"np\.copyto: a tensor cannot be copied into a plain array"):
            np.copyto(array, t)
        with pytest.raises(TypeError, match=r"np\.copyto: casting='safe' does not allow float64 to become float32"):
            np.copyto(single, t, casting="safe")
        with pytest.raises(RuntimeError, match="a leaf that requires a gradient"):
            np.copyto(t, [3.0, 4.0])
        assert not array.any()
        assert not single.data.any()
        np.copyto(single, t)
        assert single.requires_grad

    def test_precision_of_the_target_is_kept(self) -> None:
        t = leaf(1.0, 2.0, dtype=np.float32) * 1.0
        t += np.array([0.5, 0.5])
        assert t.dtype == np.float32
        (t * t).sum().backward()

    def test_integers_cannot_take_a_recorded_value(self) -> None:
        t = Tensor([1, 2, 3])
        with pytest.raises(TypeError, match="int64 cannot hold"):
            t[0] = leaf(1.5)[0]
        np.testing.assert_array_equal(t.data, [1, 2, 3])

    def test_failed_assignment_changes_nothing(self) -> None:
        x = leaf(1.0, 2.0)
        t = x * 2
        with pytest.raises(ValueError, match=r"t\[index\] = value of float64 \(2,\) and float64 \(3,\)"):
            t[:] = np.ones(3)
        with pytest.raises(IndexError):
            t[5] = 1.0
        with pytest.raises(ValueError, match=r"np\.add"):
            t += np.ones((3, 2))
        t.sum().backward()
        np.testing.assert_array_equal(x.grad, [2.0, 2.0])

    def test_data_setter(self) -> None:
        x = leaf(1.0, 2.0)
        memory = x.data
        x.data = np.array([3.0, 4.0])
        assert x.data is memory
        np.testing.assert_array_equal(x.data, [3.0, 4.0])
        with pytest.raises(ValueError, match=r"shape \(3,\) to a tensor of shape \(2,\)"):
            x.data = np.ones(3)
