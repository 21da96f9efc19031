"""What a training goes through: arrays of every kind and layout, files that are mapped into memory, and batches.

The oracle is the same training with plain arrays in C order, bit by bit. What holds no plain numbers is refused: see
`test_refusals.py`.
"""

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from nn.data import DataLoader, TensorDataset
from tests.nn.training.runs import Again, check_same_bits, fitted, problem

X, Y = problem()
ROOT = Path(__file__).parents[3]


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


def mapped(array: np.ndarray, path: Path) -> np.ndarray:
    file = path / f"{array.ndim}.npy"
    np.save(file, array)
    return np.load(file, mmap_mode="r")


LAYOUTS: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "Fortran": lambda array, _: np.asfortranarray(array),
    "reversed": lambda array, _: array[::-1].copy()[::-1],
    "every other": lambda array, _: np.repeat(array, 2, axis=0)[::2],
    "read-only": lambda array, _: read_only(array),
    "big-endian": lambda array, _: array.astype(array.dtype.newbyteorder(">")),
    "lists": lambda array, _: array.tolist(),
    "mapped": mapped,
    "mapped in Fortran order": lambda array, path: mapped(np.asfortranarray(array), path),
    "a mask that hides nothing": lambda array, _: np.ma.array(array, mask=False),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_arrays_of_every_layout(layout: Callable[[np.ndarray, Path], Any], tmp_path: Path) -> None:
    expected, history = fitted(validation_split=0.25, epochs=2, batch_size=30, sample_weight=X[:, 0] ** 2)
    x, y, weight = (layout(array, tmp_path / str(i)) for i, array in enumerate((X, Y, X[:, 0] ** 2)) if not
                    (tmp_path / str(i)).mkdir())  # fmt: skip
    options: dict[str, Any] = {"epochs": 2, "batch_size": 30, "sample_weight": weight}
    model, theirs = fitted(data=(x, y), validation_split=0.25, **options)
    check_same_bits(model, expected)
    assert theirs == history
    np.testing.assert_array_equal(nn.predict(model, x), nn.predict(model, X))
    assert nn.evaluate(model, x, y) == nn.evaluate(model, X, Y)


def test_frames_and_series() -> None:
    pandas = pytest.importorskip("pandas")
    expected, history = fitted(validation=(X, Y), sample_weight=X[:, 0] ** 2, class_weight={1: 2.0})
    # An index in another order is passed over: rows go by their places.
    frame = pandas.DataFrame(X, columns=["a", "b", "c"], index=np.arange(120)[::-1])
    series = pandas.Series(Y, index=frame.index)
    weight = pandas.Series(X[:, 0] ** 2)
    options = {"validation": (frame, series), "sample_weight": weight, "class_weight": {1: 2.0}}
    model, theirs = fitted(data=(frame, series), **options)
    check_same_bits(model, expected)
    assert theirs == history
    np.testing.assert_array_equal(nn.predict(model, frame), nn.predict(model, X))
    assert nn.evaluate(model, frame, series) == nn.evaluate(model, X, Y)
    columns = pandas.DataFrame({"a": X[:, 0], "b": X[:, 1].astype(np.float32), "c": Y})
    np.testing.assert_array_equal(nn.predict(model, columns), nn.predict(model, columns.to_numpy(np.float32)))


def test_frames_in_batches() -> None:
    pandas = pytest.importorskip("pandas")
    halves = [slice(0, 60), slice(60, None)]
    batches = [(pandas.DataFrame(X[half]), pandas.Series(Y[half])) for half in halves]
    check_same_bits(trained(batches)[0], trained([(X[half], Y[half]) for half in halves])[0])


def trained(batches: Any, **options: Any) -> Any:
    model = nn.Linear(3, 2, rng=0)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    return model, nn.fit(model, batches, optimizer=optimizer, **{"epochs": 3, "progress": False, **options})


class Foreign:
    """An array of another package, which NumPy can read."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.array, dtype=dtype, copy=copy)


PAIRS = [(X[start : start + 50], Y[start : start + 50]) for start in (0, 50, 100)]
STREAMS: dict[str, Any] = {
    "a list of tuples": PAIRS,
    "a list of lists": [[*pair] for pair in PAIRS],
    "a tuple": (*PAIRS,),
    "without a length": Again(PAIRS),
    "the loader": DataLoader(TensorDataset(X, Y), batch_size=50),
    "a loader of pairs": DataLoader([*zip(X, Y, strict=True)], batch_size=50),
    "batches of arrays": nn.data.Batches(X, Y, batch_size=50, shuffle=False),
    "foreign arrays": Again([[Foreign(x), Foreign(y)] for x, y in PAIRS]),
    "a list of foreign arrays": [[Foreign(x), Foreign(y)] for x, y in PAIRS],
    "lists of numbers": Again([(x.tolist(), y.tolist()) for x, y in PAIRS]),
    "tensors": [(Tensor(x), Tensor(y)) for x, y in PAIRS],
}


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_batches(stream: Any, compiled: bool) -> None:
    by_hand, loss = nn.Linear(3, 2, rng=0), nn.CrossEntropyLoss()
    optimizer = nn.optim.SGD(by_hand.parameters(), lr=0.5)
    for _ in range(3):
        for x, y in PAIRS:
            optimizer.zero_grad()
            loss(by_hand(x), y).backward()
            optimizer.step()
    validation = [*stream] if isinstance(stream, tuple) else stream  # a tuple there is (x, y)
    model, history = trained(stream, validation=validation, metrics={"accuracy": nn.accuracy}, compiled=compiled)
    check_same_bits(model, by_hand)
    outputs = np.concatenate([by_hand(x).data for x, _ in PAIRS])
    np.testing.assert_array_equal(nn.predict(model, stream), outputs)
    assert history["val_loss"][-1] == loss(nn.predict(model, stream), Y).item()
    assert history["val_accuracy"][-1] == nn.accuracy(outputs, Y) == nn.evaluate(
        model, stream, metrics={"accuracy": nn.accuracy}
    )["accuracy"]  # fmt: skip


def test_pytorchs_loader() -> None:
    """What PyTorch's loader makes of its tensors; nothing here imports PyTorch otherwise."""
    torch = pytest.importorskip("torch", reason="a loader of PyTorch's is needed")
    tensors = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y), torch.tensor(X[:, 0] ** 2))
    loader = torch.utils.data.DataLoader(tensors, batch_size=50)
    weighted = [(x, y, X[i * 50 : i * 50 + 50, 0] ** 2) for i, (x, y) in enumerate(PAIRS)]
    model, history = trained(loader, validation=loader)
    expected, theirs = trained(weighted, validation=weighted)
    check_same_bits(model, expected)
    assert history == theirs
    np.testing.assert_array_equal(nn.predict(model, loader), nn.predict(expected, X))


def test_examples_of_several_arrays() -> None:
    """Batches may hold dicts and tuples; then a batch has as many examples as the first array in it."""

    class Sums(nn.Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(3, 2, rng=0)

        def forward(self, x: Any) -> Any:
            return self.linear(x["a"] + x["b"])

    def loss(outputs: Any, targets: Any) -> Any:
        return nn.functional.cross_entropy(outputs, targets["label"])

    dicts = [({"a": x, "b": 0 * x}, {"label": y}) for x, y in PAIRS]
    model = Sums()
    optimizer = nn.optim.SGD(model.parameters(), lr=0.5)
    history = nn.fit(model, dicts, optimizer=optimizer, loss=loss, epochs=3, accumulate=2, progress=False)
    expected, theirs = trained(PAIRS, accumulate=2)
    check_same_bits(model.linear, expected)
    assert history == theirs


def test_predict_takes_examples_alone() -> None:
    model = nn.Linear(3, 2, rng=0)
    expected = nn.predict(model, X)
    for batches in (Again([x for x, _ in PAIRS]), DataLoader(X, batch_size=50), DataLoader(TensorDataset(X), 50)):
        np.testing.assert_allclose(nn.predict(model, batches), expected, rtol=1e-6)


def test_judging_forgets_examples_batch_by_batch() -> None:
    """No batch is held any more when the one after the next is made."""
    import weakref

    alive: list[Any] = []

    class Watched:
        def __iter__(self) -> Any:
            for x, y in PAIRS * 2:
                assert len([ref for ref in alive if ref() is not None]) <= 1
                x = x.copy()
                alive.append(weakref.ref(x))
                yield x, y
                del x

    model = nn.Linear(3, 2, rng=0)
    nn.predict(model, Watched())
    alive.clear()
    nn.evaluate(model, Watched())


def test_files_larger_than_memory(tmp_path: Path) -> None:
    """The process may have so much memory, and the file is four times as large: its rows are read when their turn is.

    The file is mapped read-only, and pages of such a map are none of the process's own memory. In Fortran order a row
    is in many places.
    """
    if sys.platform != "linux":
        pytest.skip("limits of data alone are Linux's")
    program = f"""
        import resource
        import numpy as np
        import nn
        rows, columns = 4096, 2048
        with open({str(tmp_path / "large")!r}, "wb") as file:
            file.truncate(rows * columns * 4)
        y = np.arange(rows) % 2
        model = nn.Linear(columns, 2, rng=0)
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        options = dict(optimizer=optimizer, epochs=1, batch_size=128, progress=False, rng=0)
        nn.fit(model, np.zeros((256, columns), np.float32), y[:256], **options)
        with open("/proc/self/status") as status:
            used = next(int(line.split()[1]) for line in status if line.startswith("VmData")) * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (used + rows * columns, resource.RLIM_INFINITY))
        for order in "CF":
            x = np.memmap(file.name, np.float32, "r", shape=(rows, columns), order=order)
            try:
                x.copy()
            except MemoryError:
                history = nn.fit(model, x, y, validation_split=0.25, class_weight="balanced", **options)
                figures = nn.evaluate(model, x, y, batch_size=128)
                print(len(nn.predict(model, x, batch_size=128)), *history, *figures)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["4096 loss val_loss loss"] * 2, done.stderr
