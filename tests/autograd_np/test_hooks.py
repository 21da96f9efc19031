"""Hooks of tensors, gradients that results keep, and where a backward pass ends.

A hook sees the whole gradient of a tensor, whoever used that before or after the hook was registered, once in each
sweep, be it plain, recorded, or one of a batch.
"""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, compile, grad, gradients, hooks, jacobian, value_and_grad


def leaf(*values: float) -> Tensor:
    return Tensor([*values], requires_grad=True, dtype=float)


class TestRegisterHook:
    def test_it_sees_the_whole_gradient_of_a_result_once(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        before = y * 2
        seen: list[np.ndarray] = []
        y.register_hook(lambda g: seen.append(g.copy()))
        (before + y * y).sum().backward()
        assert [g.tolist() for g in seen] == [[8, 14]]
        assert x.grad.tolist() == [24, 42]

    def test_it_changes_what_goes_on(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        y.register_hook(lambda g: g * 10)
        y.register_hook(lambda g: g + 1)
        y.sum().backward()
        assert x.grad.tolist() == [33, 33]

    def test_a_leafs_hook_changes_what_is_added_to_its_grad(self) -> None:
        x = leaf(1, 2)
        handle = x.register_hook(lambda g: -g)
        for _ in range(2):
            (x * 3).sum().backward()
        assert x.grad.tolist() == [-6, -6]
        handle.remove()
        handle.remove()
        (x * 3).sum().backward()
        assert x.grad.tolist() == [-3, -3]

    def test_the_gradient_of_a_hooked_result_itself_is_the_changed_one(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        y.register_hook(lambda g: g * 10)
        of_y, of_x = gradients((y * y).sum(), [y, x])
        assert of_y.tolist() == [60, 120]
        assert of_x.tolist() == [180, 360]

    def test_in_a_recorded_sweep_it_is_differentiated_itself_and_sees_the_second_sweep_as_well(self) -> None:
        def f(x: Tensor) -> Tensor:
            y = x * x
            y.register_hook(lambda g: g * 3)
            return (y * y).sum()

        # The gradient is 3 (2 y) 2 x; what comes to y from there in the second sweep is 12 x, and 36 x after the hook.
        assert grad(f)(np.array([2.0])).tolist() == [96]
        assert grad(lambda x: grad(f)(x).sum())(np.array([2.0])).tolist() == [336]  # PyTorch's too

    def test_a_gradient_that_a_hook_makes_of_a_parameter_is_differentiated_by_it(self) -> None:
        x, w = leaf(1, 2), leaf(3, 4)
        y = x * 1
        y.register_hook(lambda g: g * w)
        (of_x,) = gradients((y * y).sum(), x, create_graph=True)
        assert of_x.tolist() == [6, 16]
        (of_w,) = gradients(of_x.sum(), w)
        assert of_w.tolist() == [2, 4]

    def test_it_sees_each_gradient_of_a_batch(self) -> None:
        shapes: list[tuple[int, ...]] = []

        def f(x: Tensor) -> Tensor:
            y = x * 2
            y.register_hook(lambda g: (shapes.append(g.shape), g * 3)[1])
            return y * y

        assert jacobian(f)(np.array([1.0, 2.0])).tolist() == [[24, 0], [0, 48]]
        assert shapes == [(2,), (2,)]

    def test_it_cannot_write_into_the_gradient(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        y.register_hook(lambda g: g.fill(0))
        with pytest.raises(ValueError, match="read-only"):
            (y * y).sum().backward()  # of which the gradient is an array that the sweep made
        assert x.grad is None

    @pytest.mark.parametrize("wrong", [np.ones(3), 1.0, np.ones((1, 2))])
    def test_a_gradient_of_another_shape_is_refused(self, wrong: object) -> None:
        x = leaf(1, 2)
        y = x * 3
        y.register_hook(lambda g: wrong)
        with pytest.raises(ValueError, match=r"a hook of np\.multiply returned a gradient of shape .* for one of"):
            y.sum().backward()

    def test_what_it_returns_is_taken_into_the_dtype(self) -> None:
        x = Tensor([1, 2], True, np.float32)
        y = x * 2
        y.register_hook(lambda g: g.astype(float) * 2)
        x.register_hook(lambda g: [1.5, 2.5])
        y.sum().backward()
        assert x.grad.dtype == np.float32
        assert x.grad.tolist() == [1.5, 2.5]

    def test_complex_numbers_for_real_ones_are_refused(self) -> None:
        x = leaf(1, 2)
        x.register_hook(lambda g: g * 1j)
        with pytest.raises(
            TypeError, match="a hook of a leaf returned a gradient of dtype complex128 for one of dtype"
        ):
            x.sum().backward()

    def test_a_hook_stays_with_a_result_whose_tensor_is_gone(self) -> None:
        x, seen = leaf(1, 2), []
        y = x * 3
        y.register_hook(lambda g: seen.append(1))
        z = y.sum()
        del y
        gc.collect()
        z.backward()
        assert seen == [1]

    def test_what_holds_hooks_is_forgotten_with_its_node(self) -> None:
        gc.collect()
        before = len(hooks._holders)
        x = leaf(1, 2)
        y = x * 3
        for t in (x, y, y):
            t.register_hook(lambda g: g)
        assert len(hooks._holders) == before + 2
        del x, y, t
        gc.collect()
        assert len(hooks._holders) == before

    def test_other_nodes_of_the_same_operation_have_none(self) -> None:
        x = leaf(1, 2)
        y, z = x * 3, x * 4
        y.register_hook(lambda g: g * 0)
        (y + z).sum().backward()
        assert x.grad.tolist() == [4, 4]

    def test_one_of_several_results(self) -> None:
        x = Tensor(np.arange(4.0).reshape(2, 2) + np.eye(2), True)
        values, _ = np.linalg.eigh(x + x.T)
        values.register_hook(lambda g: g * 2)
        values.sum().backward()
        np.testing.assert_allclose(x.grad, 4 * np.eye(2), atol=1e-12)

    def test_a_frozen_and_thawed_leaf_keeps_its_hooks(self) -> None:
        x = leaf(1, 2)
        x.register_hook(lambda g: g * 5)
        x.requires_grad = False
        x.requires_grad = True
        x.sum().backward()
        assert x.grad.tolist() == [5, 5]

    def test_what_has_no_gradient_takes_no_hook(self) -> None:
        with pytest.raises(RuntimeError, match=r"register_hook: .* does not require a gradient"):
            Tensor([1.0]).register_hook(print)
        with pytest.raises(TypeError, match="a hook is a function"):
            leaf(1).register_hook(None)

    def test_a_compiled_function_keeps_what_hooks_do(self) -> None:
        def f(x: Tensor) -> Tensor:
            y = np.tanh(x)
            y.register_hook(lambda g: np.clip(g, -0.5, 0.5))
            return np.sum(y * y)

        eager = value_and_grad(f)
        compiled = compile(eager)
        for i in range(4):
            x = np.linspace(-2, 2, 5) + i / 8
            for a, b in zip(compiled(x), eager(x), strict=True):
                assert a.tobytes() == b.tobytes()
        assert compiled.programs == 1

    @given(st.lists(st.sampled_from("abc"), max_size=6), st.integers(0, 2**32 - 1))
    def test_hooks_that_change_nothing_leave_all_as_it_was(self, hooked: list[str], seed: int) -> None:
        rng = np.random.default_rng(seed)
        data = rng.normal(size=(3, 2))

        def pull(hooked: list[str]) -> list[float]:
            x = Tensor(data, requires_grad=True)
            parts = {"a": np.tanh(x), "b": x * x}
            parts["c"] = parts["a"] @ parts["b"].T
            for name in hooked:
                parts[name].register_hook(lambda g, name=name: None if name == "a" else g)
            (parts["c"].sum() + parts["a"].sum() * 2).backward()
            return x.grad.tolist()

        assert pull(hooked) == pull([])


class TestRetainGrad:
    def test_a_result_keeps_its_gradient(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        assert not y.retains_grad
        y.retain_grad()
        y.retain_grad()
        assert y.retains_grad
        (y * y).sum().backward(retain_graph=True)
        assert y.grad.tolist() == [6, 12]
        assert x.grad.tolist() == [18, 36]
        (y * y).sum().backward()
        assert y.grad.tolist() == [12, 24]

    def test_it_is_the_one_that_hooks_have_changed(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        y.retain_grad()
        y.register_hook(lambda g: g * 10)
        y.sum().backward()
        assert y.grad.tolist() == [10, 10]

    def test_others_are_left_alone(self) -> None:
        x = leaf(1, 2)
        y, z = x * 3, x * 4
        y.retain_grad()
        z.sum().backward()
        assert y.grad is None
        assert z.grad is None
        assert x.grad.tolist() == [4, 4]
        gradients((y * y).sum(), x)
        assert y.grad is None

    def test_of_a_leaf_it_changes_nothing(self) -> None:
        x = leaf(1, 2)
        x.retain_grad()
        assert not x.retains_grad
        x.sum().backward()
        assert x.grad.tolist() == [1, 1]
        with pytest.raises(RuntimeError, match="retain_grad"):
            Tensor([1.0]).retain_grad()

    def test_nothing_changes_when_the_pass_fails(self) -> None:
        x = leaf(1, 2)
        y = x * 3
        y.retain_grad()
        x.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            (y * y).sum().backward()
        assert y.grad is None
        assert x.grad is None


class TestInputs:
    def test_they_alone_get_a_gradient(self) -> None:
        x, w = leaf(1, 2), leaf(3, 4)
        y = x * w
        (y * y).sum().backward(inputs=[w, y])
        assert x.grad is None
        assert w.grad.tolist() == [6, 32]
        assert y.grad.tolist() == [6, 16]
        (x * w).sum().backward(inputs=x)
        assert x.grad.tolist() == [3, 4]

    def test_one_that_is_not_reached_gets_none(self) -> None:
        x, w = leaf(1, 2), leaf(3, 4)
        (x * 2).sum().backward(inputs=[w])
        assert w.grad is None
        assert x.grad is None

    def test_wrong_ones_are_refused_and_change_nothing(self) -> None:
        x = leaf(1, 2)
        y = (x * 2).sum()
        with pytest.raises(ValueError, match="there are no inputs"):
            y.backward(inputs=[])
        for wrong in (Tensor([1.0]), np.ones(2)):
            with pytest.raises(RuntimeError, match="input 1 is nothing that requires a gradient"):
                y.backward(inputs=[x, wrong])
        assert x.grad is None
        y.backward()
        assert x.grad.tolist() == [2, 2]


class TestCreateGraph:
    def test_the_gradients_can_be_differentiated(self) -> None:
        x = leaf(2, 3)
        (x**3).sum().backward(create_graph=True)
        assert isinstance(x.grad, Tensor)
        assert x.grad.tolist() == [12, 27]
        penalty = (x.grad * x.grad).sum()
        x.grad = None
        penalty.backward()
        assert x.grad.tolist() == [2 * 12 * 12, 2 * 27 * 18]

    def test_the_graph_is_kept_by_default(self) -> None:
        x = leaf(2)
        y = (x**3).sum()
        y.backward(create_graph=True)
        y.backward()
        assert isinstance(x.grad, np.ndarray)
        assert x.grad.tolist() == [24]
        z = (x**3).sum()
        z.backward(create_graph=True, retain_graph=False)
        with pytest.raises(RuntimeError, match="spent"):
            z.backward()

    def test_an_added_gradient_is_differentiated_through_both(self) -> None:
        x = leaf(2)
        (x**3).sum().backward(create_graph=True)
        (x**2).sum().backward(create_graph=True)
        assert x.grad.tolist() == [16]
        (of_x,) = gradients(x.grad.sum(), x)
        assert of_x.tolist() == [14]
