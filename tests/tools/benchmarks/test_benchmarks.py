"""The benchmark in its tiny form: that it measures the same thing on all sides and reports what it has measured."""

import json
import os
import re
import stat
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.tools.benchmarks import __main__ as program
from tests.tools.benchmarks import measure, report, works
from tests.tools.benchmarks.measure import Entry, Process, Race, check_agreement, race
from tests.tools.benchmarks.memory import available, bytes_per_operation, step_memory
from tests.tools.benchmarks.networks import BLOCK, LSTM, MLP, Model
from tests.tools.benchmarks.works import OURS, SWEEPS, WORKS, Unavailable

TINY = {name: work.tiny for name, work in WORKS.items()}


class TestWorks:
    @pytest.mark.parametrize("work", WORKS)
    @pytest.mark.filterwarnings("ignore")  # the peers' own
    def test_contenders_agree(self, work: str) -> None:
        """All whose library is installed: the losses of five training steps, or the value and its gradients."""
        names, _ = WORKS[work].installed(program.PEERS)
        size = TINY[work]
        found: dict[Entry, list[float]] = {}
        for name in names:
            with suppress(Unavailable):
                found[Entry(name, size)] = WORKS[work].contenders[name](size).figures()
        assert len(found[Entry(OURS, size)]) >= 2
        check_agreement(work, found)

    def test_disagreement_is_an_error(self) -> None:
        found = {Entry(OURS, 4): [1.0, 2.0], Entry("by-hand", 4): [1.0, 2.0001]}
        with pytest.raises(ValueError, match=r"mlp: hand-written NumPy computes \[1.0, 2.0001\], autograd_np \[1.0, 2"):
            check_agreement("mlp", found)

    def test_nothing_to_agree_on(self) -> None:
        check_agreement("mlp", {Entry(OURS, 4): [1.0], Entry("products", 4): [], Entry(OURS, 8): [2.0]})

    @pytest.mark.parametrize("work", WORKS)
    def test_trains(self, work: str) -> None:
        """The work that is timed is the whole of it: parameters move, gradients are there."""
        contender = WORKS[work].contenders[OURS](TINY[work])
        first, second, *_ = contender.figures()
        assert first != second
        if isinstance(contender, works.Eager):
            assert contender.figures()[-1] < first

    @pytest.mark.parametrize("model", [MLP, BLOCK, LSTM])
    def test_a_compiled_step_is_the_eager_one(self, model: Model) -> None:
        eager, compiled = (made(model, works.adam, 2) for made in (works.OurTraining, works.OurCompiledTraining))
        assert eager.figures() == compiled.figures()
        for name, value in eager.model.state_dict().items():
            np.testing.assert_array_equal(compiled.model.state_dict()[name], value)

    @pytest.mark.parametrize("model", [BLOCK, LSTM])
    def test_every_parameter_moves(self, model: Model) -> None:
        """Adam moves all that takes part in the loss: a quarter of an LSTM's weights belongs to each gate."""
        contender = works.OurCompiledTraining(model, works.adam, 2)
        before = contender.model.state_dict()
        contender.figures()
        for name, value in contender.model.state_dict().items():
            assert (value != before[name]).mean() > 0.9, name

    def test_a_number_of_threads_is_in_the_title(self) -> None:
        own = {work.name: work.threads for work in WORKS.values() if work.threads is not None}
        assert own == {"folded-batch1": 1}
        for work in WORKS.values():
            assert ("one thread" in work.title) == (work.threads == 1)

    def test_every_aim_has_a_contender(self) -> None:
        for work in WORKS.values():
            assert work.aims.keys() == work.contenders.keys() - {OURS}

    def test_a_library_that_is_not_installed_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(works, "find_spec", lambda name: None if name == "torch" else object())
        names, missing = WORKS["mlp"].installed(program.PEERS)
        assert names == [OURS, "jax", "by-hand", "products"]
        assert missing == ["torch"]

    def test_contenders_of_one_library_are_left_out_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(works, "find_spec", lambda name: None if name == "torch" else object())
        names, missing = WORKS["compiled-lstm"].installed(program.PEERS)
        assert names == [OURS, "jax"]
        assert missing == ["torch", "torch-cells", "torch-compile"]

    def test_a_peer_that_is_not_asked_for_is_not_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(works, "find_spec", lambda _: None)
        assert WORKS["mlp"].installed(["by-hand"]) == ([OURS, "by-hand"], [])


def raising(error: Exception) -> Callable[..., Any]:
    def function(*_: Any) -> Any:
        raise error

    return function


class TestTorchCompile:
    """Without PyTorch: what stands for it here fails as its compiler does, at once or in the first call."""

    @pytest.mark.parametrize("at_once", [False, True])
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (
                RuntimeError("No working C++ compiler found\n\nSet TORCHDYNAMO_VERBOSE=1"),
                "RuntimeError: No working C++",
            ),
            (FileNotFoundError(2, "No such file", "g++"), r"FileNotFoundError: \[Errno 2\] No such file: 'g\+\+'"),
            (NotImplementedError(), "NotImplementedError"),
        ],
    )
    def test_what_does_not_compile_is_unavailable(
        self, error: Exception, reason: str, at_once: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fails = raising(error)
        torch = SimpleNamespace(
            from_numpy=lambda x: x,
            nn=SimpleNamespace(CrossEntropyLoss=lambda: None),
            optim=SimpleNamespace(SGD=lambda parameters, lr: None),
            compile=fails if at_once else lambda _: fails,
        )
        monkeypatch.setitem(sys.modules, "torch", torch)
        network = SimpleNamespace(load_state_dict=lambda _: None, parameters=list)
        model = Model(lambda _: network, (2,), {}, raising(AssertionError()))
        with pytest.raises(Unavailable, match=f"^{reason}") as caught:
            works.TorchCompiledTraining(model, works.sgd, 1)
        assert "\n" not in str(caught.value)


def environment_of(_: works.Contender) -> dict[str, str]:
    return dict(os.environ)


def fail(_: works.Contender) -> None:
    raise ZeroDivisionError("over there")


class TestMeasure:
    def test_threads_are_set_before_the_library_is_loaded(self) -> None:
        before = dict(os.environ)
        with Process("mlp", "products", 1, threads=1) as process:
            there = process.call(environment_of)
            with pytest.raises(ZeroDivisionError, match="over there"):
                process.call(fail)
        assert os.environ == before
        assert there.items() >= measure.environment(1).items()
        assert there["OPENBLAS_NUM_THREADS"] == there["OMP_NUM_THREADS"] == there["MKL_NUM_THREADS"] == "1"

    def test_a_work_may_have_threads_of_its_own(self) -> None:
        with Process("folded-batch1", OURS, 1, threads=2) as process:
            assert process.call(environment_of).items() >= measure.environment(1).items()

    def test_who_is_unavailable_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Here(Process):
            """As in a process of its own, but for one that cannot be made."""

            def __init__(self, work: str, name: str, size: int, threads: int) -> None:
                super().__init__(work, name if name == OURS else "products", size, threads)
                if name == "torch":
                    self.ready = Future()
                    self.ready.set_exception(Unavailable("no compiler"))

        monkeypatch.setattr(measure, "Process", Here)
        ours, peer, other = (Entry(name, 4) for name in (OURS, "torch", "products"))
        result = race("mlp", [ours, peer, other], rounds=3, threads=1, block_seconds=0)
        assert list(result.times) == [ours, other]
        assert result.left_out == {peer: "no compiler"}

    def test_other_errors_are_not_a_reason_to_leave_out(self) -> None:
        with pytest.raises(KeyError, match="nobody"):
            race("mlp", [Entry(OURS, 4), Entry("nobody", 4)], rounds=1, threads=1, block_seconds=0)

    def test_race(self) -> None:
        small, large = Entry(OURS, 4), Entry(OURS, 8)
        result = race("chain", [small, large], rounds=3, threads=1, block_seconds=0)
        assert result.times.keys() == {small, large}
        for times in result.times.values():
            assert len(times) == 3
            assert min(times) > 0

    def test_ratio_is_taken_within_each_round(self) -> None:
        """A machine that slows down for a while slows both down."""
        ours, peer = Entry(OURS, 64), Entry("torch", 64)
        result = Race("mlp", {ours: [1.0, 10.0, 100.0, 3.0, 4.0], peer: [2.0, 20.0, 200.0, 4.0, 16.0]})
        assert result.ratio(ours, peer) == (0.5, 0.5, 0.5)
        assert result.time(ours) == 4.0


class TestMemory:
    @pytest.mark.skipif(not available(), reason="the account is Linux's, with glibc")
    def test_holds_the_model_and_its_gradients(self) -> None:
        """784-256-10 in float32 has 0.8 MB of parameters, and as much of gradients."""
        used = step_memory("mlp", OURS, 64, threads=1)
        assert 1.6e6 < used.retained <= used.peak < 1e7

    def test_chain_grows_linearly(self) -> None:
        few, many = (bytes_per_operation(OURS, length, threads=1) for length in (1000, 10_000))
        assert many / few < works.GROWTH_AIM


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_bytes(f"# Größe\r\n\n{report.BEGIN}\nold\n{report.END}\nthe rest".encode())
    path.chmod(0o640)
    return path


class TestReplaceBlock:
    def test_nothing_else_changes(self, page: Path) -> None:
        report.replace_block(page, "| new |")
        assert page.read_bytes() == f"# Größe\r\n\n{report.BEGIN}\n| new |\n{report.END}\nthe rest".encode()
        assert stat.S_IMODE(page.stat().st_mode) == 0o640
        assert os.listdir(page.parent) == ["page.md"]

    def test_failure_leaves_the_file(self, page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        before = page.read_bytes()

        def refuse(*_: Any) -> None:
            raise PermissionError("refused")

        monkeypatch.setattr(os, "replace", refuse)
        with pytest.raises(PermissionError):
            report.replace_block(page, "new")
        assert page.read_bytes() == before
        assert os.listdir(page.parent) == ["page.md"]

    @pytest.mark.parametrize(
        "text",
        [
            "no marks",
            report.BEGIN,
            report.END + report.BEGIN,
            f"{report.BEGIN}{report.BEGIN}{report.END}",
            f"{report.BEGIN}{report.END}{report.END}",
            f"{report.BEGIN}{report.END}{report.BEGIN}{report.END}",
        ],
    )
    def test_marks_are_needed_once(self, text: str, tmp_path: Path) -> None:
        path = tmp_path / "page.md"
        path.write_text(text)
        with pytest.raises(ValueError, match="write these, once"):
            report.replace_block(path, "new")
        assert path.read_text() == text

    def test_the_page_has_them(self, tmp_path: Path) -> None:
        path = tmp_path / "page.md"
        path.write_bytes((Path(__file__).parents[3] / "docs" / "performance.md").read_bytes())
        report.replace_block(path, "new")


class TestProgram:
    def test_tiny_form(self, page: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from matplotlib import image

        out = tmp_path / "out"
        works_and_peers = ["--works", "mlp", "row-count", "growth", "--peers", "by-hand", "products"]
        files = ["--out", str(out), "--page", str(page)]
        program.main(["--tiny", *works_and_peers, "--threads", "1", *files])
        text = page.read_text()
        assert "`python -m tests.tools.benchmarks --tiny --works mlp" in text
        assert "In the tiny form" in text
        assert re.search(r"^\| MLP 784-256-10, batch 64, SGD \| hand-written NumPy \| [\d.]+ \|", text, re.MULTILINE)
        assert re.search(r"^\| the same \| its matrix products alone \| [\d.]+ \|", text, re.MULTILINE)
        assert re.search(r"^\| operation of a chain \| 20 to 200 \| [\d.]+ µs \|", text, re.MULTILINE)
        assert text.split(report.BEGIN)[1].split(report.END)[0].strip() in capsys.readouterr().out
        figures = json.loads((out / "benchmarks.json").read_text())
        assert [entry["name"] for entry in figures["races"][0]["times"]] == [OURS, "by-hand", "products"]
        assert len(figures["sweeps"]["row-count"]) == len(SWEEPS["row-count"].tiny)
        for name in ("ratios.png", "row-count.png"):
            assert image.imread(out / name).std() > 0.05

    def test_says_who_is_left_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(works, "find_spec", lambda _: None)
        program.main(["--tiny", "--works", "rows", "--threads", "1", "--out", str(tmp_path)])
        printed = capsys.readouterr().out
        assert "PyTorch eager is left out: torch is not installed" in printed
        assert "torch.compile is left out: torch is not installed" in printed
        assert re.search(r"Not installed, and left out: HIPS autograd, JAX jit, MyGrad, PyTorch eager, ", printed)

    def test_says_who_cannot_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def unavailable(work: str, *_: Any) -> Race:
            return Race(work, {Entry(OURS, 4): [1.0, 2.0]}, {Entry("torch-compile", 4): "no compiler"})

        monkeypatch.setattr(program, "race", unavailable)
        program.main(["--tiny", "--works", "compiled-mlp", "compiled-cnn", "--out", str(tmp_path)])
        printed = capsys.readouterr().out
        assert "torch.compile is left out of compiled-cnn: no compiler\n" in printed
        assert " torch.compile is left out of compiled-mlp, compiled-cnn: no compiler." in printed
        figures = json.loads((tmp_path / "benchmarks.json").read_text())
        assert figures["races"][0]["left_out"] == [{"name": "torch-compile", "size": 4, "why": "no compiler"}]

    @pytest.mark.parametrize(("work", "words"), [("rows", "for each library;"), ("folded-batch1", "unless its row")])
    def test_says_that_rows_have_threads_of_their_own(self, work: str, words: str) -> None:
        assert words in report.origin(report.Report("", 2, [], races=[Race(work, {Entry(OURS, 1): [1.0]})]))

    @pytest.mark.skipif(not available(), reason="the account is Linux's, with glibc")
    def test_memory(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(program, "MEMORY_WORKS", ("mlp",))
        program.main(["--tiny", "--works", "memory", "--peers", "by-hand", "--out", str(tmp_path)])
        assert re.search(r"\| autograd_np \| [\d.]+ MB \| [\d.]+ MB \|  \|  \|", capsys.readouterr().out)
        used = json.loads((tmp_path / "benchmarks.json").read_text())["memory"]["mlp"]
        assert used.keys() == {OURS}
        assert used[OURS]["peak"] >= used[OURS]["retained"] > 0

    @pytest.mark.parametrize(
        "wrong", [["--works", "nothing"], ["--peers", "numpy"], ["--rounds", "0"], ["--threads", "two"]]
    )
    def test_wrong_options(self, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            program.main(wrong)
        assert wrong[1] in capsys.readouterr().err
