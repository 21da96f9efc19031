"""Batches of examples, nested in any way, against PyTorch's where it is installed.

What does not fit is refused: shapes, types, lengths and keys that differ, in any order, and at any depth.
"""

from collections import Counter, OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, grad
from nn.data import default_collate

Point = namedtuple("Point", "x y")


class Reading(dict):
    """A mapping of a type of its own."""


def check_same(found, expected):
    """Raise unless two batches are of the same types and values throughout."""
    assert type(found) is type(expected)
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(found, expected, strict=True)
    elif isinstance(expected, Tensor):
        np.testing.assert_array_equal(found.data, expected.data, strict=True)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            check_same(found[key], value)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for pair in zip(found, expected, strict=True):
            check_same(*pair)
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([1, 2], np.array([1, 2])),
        ([1.0, 2.5], np.array([1.0, 2.5])),
        ([1, 2.5], np.array([1.0, 2.5])),
        ([True, False], np.array([True, False])),
        ([1j, 2], np.array([1j, 2])),
        ([np.float32(1), np.float32(2)], np.float32([1, 2])),
        ([np.zeros(2, np.float32), np.ones(2, np.float32)], np.float32([[0, 0], [1, 1]])),
        ([np.array(3), np.array(4)], np.array([3, 4])),
        ([np.zeros((0, 2))], np.zeros((1, 0, 2))),
        ([np.datetime64("2020-01-01")] * 2, np.array(["2020-01-01"] * 2, "M8[D]")),
        ([Tensor([1.0, 2.0]), Tensor([3.0, 4.0])], Tensor([[1.0, 2.0], [3.0, 4.0]])),
        (["a", "bc"], ["a", "bc"]),
        ([b"a"], [b"a"]),
        ([np.str_("a"), "b"], [np.str_("a"), "b"]),
        ([(1, "a"), (2, "b")], [np.array([1, 2]), ["a", "b"]]),
        ([[1, 2.5], [3, 4.5]], [np.array([1, 3]), np.array([2.5, 4.5])]),
        ([(), ()], []),
        ([range(2), range(2)], [np.array([0, 0]), np.array([1, 1])]),
        ([Point(1, (2, "a")), Point(3, (4, "b"))], Point(np.array([1, 3]), [np.array([2, 4]), ["a", "b"]])),
        ([{"x": 1, "y": [2.5]}, {"y": [3.5], "x": 4}], {"x": np.array([1, 4]), "y": [np.array([2.5, 3.5])]}),
        ([OrderedDict(b=1, a=2)] * 2, OrderedDict(b=np.array([1, 1]), a=np.array([2, 2]))),
        ([Reading(a=1)], Reading(a=np.array([1]))),
        ([Counter("a")] * 2, Counter(a=np.array([1, 1]))),
        ([defaultdict(list, a=1)], {"a": np.array([1])}),
        ([{}, {}], {}),
    ],
)
def test_batches_are_nested_as_the_examples_are(batch, expected):
    check_same(default_collate(batch), expected)
    check_same(default_collate(tuple(batch)), expected)


@pytest.mark.parametrize(
    ("batch", "error", "words"),
    [
        ([], ValueError, ["no examples"]),
        ([None], TypeError, ["NoneType", "collate_fn"]),
        ([{1, 2}], TypeError, ["set"]),
        ([object()], TypeError, ["object"]),
        ([(1, None)], TypeError, ["NoneType"]),
        ([np.zeros(2), np.zeros(3)], ValueError, ["(2,)", "(3,)", "collate_fn"]),
        ([np.zeros(2), np.zeros((2, 1))], ValueError, ["(2,)", "(2, 1)"]),
        ([1.0, np.zeros(1)], ValueError, ["()", "(1,)"]),
        ([Tensor([1.0]), Tensor([1.0, 2.0])], ValueError, ["(1,)", "(2,)"]),
        ([1, "a"], TypeError, ["int", "str"]),
        ([1, None], TypeError, ["int", "NoneType"]),
        ([2**80, 1], TypeError, ["int"]),
        ([np.array(["a"]), np.zeros(1)], TypeError, ["ndarray"]),
        ([np.array([None])], TypeError, ["ndarray"]),
        (["a", 1], TypeError, ["str", "int"]),
        (["a", ("b",)], TypeError, ["str", "tuple"]),
        ([("b",), "a"], TypeError, ["tuple", "str"]),
        ([(1, 2), 3], TypeError, ["tuple", "int"]),
        ([{"a": 1}, (1,)], TypeError, ["dict", "tuple"]),
        ([(1, 2), (1,)], ValueError, ["2 parts", "another one 1"]),
        ([(1,), (1, 2)], ValueError, ["1 parts", "another one 2"]),
        ([{"a": 1}, {"a": 1, "b": 2}], ValueError, ["keys a,", "a, b"]),
        ([{"a": 1, "b": 2}, {"a": 1}], ValueError, ["keys a, b", "another one a"]),
        ([{"a": 1}, {"b": 1}], ValueError, ["keys a,", "another one b"]),
    ],
)
def test_what_does_not_fit_is_refused(batch, error, words):
    for nested in (batch, [{"deep": (x,)} for x in batch]):
        if not nested:
            nested = batch
        with pytest.raises(error) as caught:
            default_collate(nested)
        message = str(caught.value)
        assert message.startswith("default_collate: ")
        assert [word for word in words if word not in message] == [], message


def test_gradients_go_through_a_batch_of_tensors():
    found = grad(lambda x: (default_collate([x[0], x[1]]) ** 2).sum())(np.array([[1.0], [2.0]]))
    np.testing.assert_array_equal(found, [[2], [4]])


numbers = st.integers(-9, 9) | st.floats(-9, 9) | st.booleans()
shapes_of_examples = st.recursive(
    st.sampled_from(["int", "float", "bool", "array", "text"]),
    lambda parts: (
        st.lists(parts, max_size=3).map(tuple)
        | st.lists(parts, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), parts, max_size=3)
    ),
    max_leaves=5,
)


def example(structure, rng):
    """Draw an example of a structure."""
    if isinstance(structure, dict):
        return {key: example(part, rng) for key, part in structure.items()}
    if isinstance(structure, list | tuple):
        return type(structure)(example(part, rng) for part in structure)
    makers = {"int": lambda x: int(9 * x), "float": float, "bool": lambda x: bool(x < 0.5), "text": str}
    return rng.normal(size=(2, 3)) if structure == "array" else makers[structure](rng.random())


@given(shapes_of_examples, st.integers(1, 4), st.integers(0, 99))
def test_against_pytorch(structure, size, seed):
    torch = pytest.importorskip("torch")
    from torch.utils.data import default_collate as theirs

    rng = np.random.default_rng(seed)
    batch = [example(structure, rng) for _ in range(size)]

    def plain(tree):
        if isinstance(tree, torch.Tensor):
            return tree.numpy()
        if isinstance(tree, dict):
            return {key: plain(part) for key, part in tree.items()}
        # Of texts within tuples PyTorch makes tuples, though lists elsewhere.
        return [*map(plain, tree)] if isinstance(tree, list | tuple) else tree

    check_same(default_collate(batch), plain(theirs(batch)))
