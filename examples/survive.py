"""Kill a training again and again, start it again each time, and compare every bit with one that was left in peace."""

import argparse
import hashlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import nn

BATCH = 32
# A checkpoint after so many steps, besides one after each epoch.
EVERY = 10
# How kills are drawn: any, and those in the middle of a write.
RED, ORANGE = "#d62728", "#ff9f1c"
CROSS: dict[str, Any] = {"linestyle": "", "marker": "X", "markersize": 10, "markeredgecolor": "white", "zorder": 5}


# -- what is trained, in a process of its own -------------------------------------------------------------------------


Tell = Callable[[int, float | None], object]


class Telling(nn.callbacks.Callback):
    """Tells where the training begins, or goes on, and then each batch's loss, with the number of the step."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    def on_train_begin(self, run: Any) -> None:
        """Tell the step, and no loss."""
        self.tell(max(run.epoch - (run.batch > 0), 0) * run.batches + run.batch, None)

    def on_batch_end(self, run: Any, x: Any, y: Any, loss: float, outputs: Any) -> None:
        """Tell the loss."""
        self.tell((run.epoch - 1) * run.batches + run.batch, loss)


def die() -> None:
    """End at once: nothing can be tidied up, and nothing else can be written."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(calls: int) -> None:
    """Die after so many calls of functions and returns from them, wherever that is."""
    left = itertools.count(calls, -1)
    sys.setprofile(lambda *_: die() if next(left) <= 0 else None)


def die_writing(share: float) -> None:
    """Die when a file is written and only its first part has come to the disk."""

    def half_a_sync(file: int) -> None:
        os.truncate(file, int(share * os.fstat(file).st_size))
        die()

    os.fsync = half_a_sync


def telling(death: Sequence[float]) -> Tell:
    """Return what prints each loss for the process that watches, and dies when it is time."""
    taken = itertools.count()

    def tell(step: int, loss: float | None) -> None:
        print(json.dumps([step, loss]), flush=True)
        if death and next(taken) == death[0]:
            die_writing(death[1]) if death[1] < 1 else die_after(int(death[1]))

    return tell


def train(folder: Path, epochs: int, tell: Tell) -> None:
    """Train a network with all that draws random numbers or remembers something; or go on, if it has been begun."""
    x, y = (np.load(folder.parent / f"{name}.npy", mmap_mode="r") for name in ("x", "y"))
    split = len(x) * 4 // 5
    noise = np.random.default_rng(3)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 64, rng=0), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.3, rng=1),
        nn.Linear(64, 10, rng=2),
    )  # fmt: skip
    optimizer = nn.optim.Adam(model.parameters(), lr=0.01)
    steps = epochs * -(-split // BATCH)
    schedule = nn.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.02, total_steps=steps + 1)
    history = nn.fit(
        model, x[:split], y[:split], optimizer=optimizer, epochs=epochs, batch_size=BATCH, rng=4,
        validation=(x[split:], y[split:]), metrics={"accuracy": nn.accuracy}, progress=False,
        transform=lambda images: images + noise.normal(scale=0.1, size=images.shape).astype(np.float32),
        callbacks=[nn.callbacks.LRScheduler(schedule, every="step"), Telling(tell)],
        checkpoint=nn.Checkpoints(folder, every=EVERY),
    )  # fmt: skip
    state = {"history": dict(history), "predictions": nn.predict(model, x[split:]), "model": model.state_dict()}
    nn.save(state, folder.parent / f"{folder.name}.safetensors")


# -- who watches, and kills -------------------------------------------------------------------------------------------


@dataclass
class Life:
    """What a process has done until its end.

    Attributes
    ----------
    begun : int
        How many steps had been taken before it.
    losses : list of float
        Of its own steps.
    killed : bool
        Whether it was.
    torn : int or None
        If it died while it wrote: how many bytes it had written.
    """

    begun: int
    losses: list[float] = field(default_factory=list)
    killed: bool = False
    torn: int | None = None

    @property
    def end(self) -> int:
        """How many steps had been taken at its end."""
        return self.begun + len(self.losses)


def live(folder: Path, epochs: int, death: Sequence[float] = ()) -> Life:
    """Run a training's process: it dies after so many steps, in the midst of the next write or so many calls later."""
    command = [sys.executable, __file__, "--train", str(folder), "--epochs", str(epochs)]
    if death:
        command += ["--dies", *map(str, death)]
    path = os.pathsep.join([str(Path(nn.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, check=False)
    if done.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a training ended with {done.returncode}")
    (begun, _), *steps = map(json.loads, done.stdout.splitlines())
    torn = [path.stat().st_size for path in folder.glob(".*.tmp")]
    return Life(begun, [loss for _, loss in steps], done.returncode != 0, *torn)


def death_of(rng: random.Random, most: int) -> tuple[float, ...]:
    """Draw when a process dies: after how many steps; and how many calls later, or which share of a file is written."""
    return rng.randrange(1, most), round(rng.random(), 3) if rng.random() < 0.5 else rng.randrange(1, 2000)


def told(number: int, life: Life, folder: Path, steps: int) -> str:
    """Say in a line what became of a process."""
    bar = [" "] * 48
    first, last = (min(round(47 * step / steps), 47) for step in (life.begun, life.end))
    bar[first : last + 1] = "━" * (last + 1 - first)
    bar[last] = "✕" if life.killed else "●"
    text = f"{number:>4}  {life.begun:>5} → {life.end:<5} │{''.join(bar)}│  "
    if not life.killed:
        return text + "reaches the end"
    if life.torn is not None:
        return text + f"killed in a write: {life.torn:,} bytes of a checkpoint, of no use to anybody"
    newest = max((int(path.stem[5:]) for path in folder.glob("step-*")), default=None)
    if newest is None:
        return text + "killed before the first checkpoint"
    return text + f"killed; there is a checkpoint after step {newest}"


def flat(state: Any) -> list[tuple[str, bytes]]:
    """Return the arrays and numbers in a state, and their bytes."""
    if isinstance(state, Mapping):
        return [(f"{key}.{name}", content) for key, part in state.items() for name, content in flat(part)]
    return [("", np.asarray(state).tobytes())]


def compared(peaceful: Mapping[str, Any], killed: Mapping[str, Any]) -> tuple[list[str], bool]:
    """Return a table of what is the same, and whether all of it is."""
    lines: list[str] = []
    same = True
    for part in ("model", "history", "predictions"):
        a, b = flat(peaceful[part]), flat(killed[part])
        numbers = [np.frombuffer(b"".join(content for _, content in found), np.uint8) for found in (a, b)]
        equal = a == b
        digests = [hashlib.sha256(found.tobytes()).hexdigest()[:16] for found in numbers]
        verdict = "same" if equal else "DIFFERENT"
        lines.append(f"  {part:12} {8 * numbers[0].size:>10,} bits   {'   '.join(digests)}   {verdict}")
        same &= equal
    return lines, same


def draw(peaceful: Life, lives: list[Life], per_epoch: int, path: Path) -> None:
    """Draw the learning curve with the kills, and above it the lives of the processes."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (above, axes) = pyplot.subplots(
        2, 1, figsize=(10.4, 6.2), sharex=True, layout="constrained", height_ratios=[0.35 + 0.13 * len(lives), 2.4]
    )
    colours = pyplot.get_cmap("viridis")(np.linspace(0.05, 0.85, len(lives)))
    steps = np.arange(1, peaceful.end + 1)
    axes.semilogy(steps, peaceful.losses, color="0.82", linewidth=6, label="never stopped", solid_capstyle="round")
    for number, (life, colour) in enumerate(zip(lives, colours, strict=True)):
        own = np.arange(life.begun, life.end) + 1
        axes.semilogy(own, life.losses, color=colour, linewidth=1.3)
        above.plot([life.begun, life.end], [number, number], color=colour, linewidth=5, solid_capstyle="butt")
        cross = {**CROSS, "color": RED if life.torn is None else ORANGE}
        if life.killed and life.losses:
            axes.plot(life.end, life.losses[-1], **cross)
        if not life.killed:
            above.plot(life.end, number, "o", color=colour, markersize=9, markeredgecolor="white", zorder=5)
        else:
            above.plot(life.end, number, **cross)
            # Where the next one takes up the thread.
            after = lives[number + 1].begun
            above.plot([life.end, after], [number, number + 1], ":", color="0.5", linewidth=1.2, zorder=0)
    axes.plot([], [], color=colours[len(lives) // 2], linewidth=1.3, label="killed and started again")
    axes.plot([], [], **CROSS, color=RED, label="kill -9")
    axes.plot([], [], **CROSS, color=ORANGE, label="kill -9, in the middle of a write")
    above.set(ylabel="process", ylim=(len(lives) - 0.4, -0.6), yticks=range(len(lives)))
    above.set_yticklabels([str(number + 1) for number in range(len(lives))])
    for epoch in range(per_epoch, peaceful.end + 1, per_epoch):
        for ax in (above, axes):
            ax.axvline(epoch, color="0.93", linewidth=0.8, zorder=-1)
    axes.set(xlabel="step", ylabel="loss of the batch", xlim=(0, peaceful.end * 1.01))
    axes.legend(frameon=False, loc="upper right")
    for ax in (above, axes):
        ax.spines[["top", "right"]].set_visible(False)
    kills = sum(life.killed for life in lives)
    figure.suptitle(f"Killed {kills} times, and not a bit is different", fontsize=14)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=8, metavar="N", help="how many processes die (default: 8)")
    parser.add_argument("--epochs", type=int, default=12, metavar="N", help="how long is trained (default: 12)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments of death (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="DIR", help="for the picture (default: out)")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dies", type=float, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kills < 1 or options.epochs < 1:
        parser.error("--kills and --epochs must be at least 1")
    return options


def story(options: argparse.Namespace, place: Path) -> None:
    """Train in peace, train and kill, and compare."""
    digits = nn.data.load("digits")
    np.save(place / "x.npy", digits.x_train)
    np.save(place / "y.npy", digits.y_train)
    per_epoch = -(-(len(digits.x_train) * 4 // 5) // BATCH)
    steps = options.epochs * per_epoch
    print(
        f"A network learns {len(digits.x_train)} handwritten digits in {options.epochs} epochs of {per_epoch} steps,\n"
        f"with dropout, batch normalisation, noise, Adam and a schedule of its rate. It is trained\n"
        f"twice: once in peace, and once in processes that are killed with SIGKILL, which nothing\n"
        f"can catch, and started again. A checkpoint is written every {EVERY} steps:\n"
        f"nn.fit(..., checkpoint=nn.Checkpoints(folder, every={EVERY})).\n",
        flush=True,
    )
    peaceful = Life(0)
    train(place / "peaceful", options.epochs, lambda _, loss: None if loss is None else peaceful.losses.append(loss))
    rng, folder = random.Random(options.seed), place / "killed"
    lives: list[Life] = []
    print(f"process  steps       0{'':47}{steps}", flush=True)
    while not lives or lives[-1].killed:
        left = steps - (lives[-1].end if lives else 0)
        mortal = len(lives) < options.kills and left > 1
        most = max(2, min(left, 2 * steps // options.kills))
        lives.append(live(folder, options.epochs, death_of(rng, most) if mortal else ()))
        print(told(len(lives), lives[-1], folder, steps), flush=True)
    again = sum(len(life.losses) for life in lives) - steps
    lines, same = compared(*(nn.load(place / f"{name}.safetensors") for name in ("peaceful", "killed")))
    kills = sum(life.killed for life in lives)
    print(f"\n{kills} kills cost {again} steps, which were taken again. What the two trainings have become:\n")
    print(f"  {'':12} {'':>10}        {'in peace':16}   killed")
    print("\n".join(lines))
    if not same:
        raise RuntimeError("the killed training has become another one")
    options.out.mkdir(parents=True, exist_ok=True)
    draw(peaceful, lives, per_epoch, options.out / "survive.png")
    print(f"\nNot a bit is different. Picture in {options.out / 'survive.png'}")


def main() -> None:
    """Be the one that watches, or the one that is watched."""
    options = arguments()
    if options.train is not None:
        train(options.train, options.epochs, telling(options.dies or ()))
        return
    with tempfile.TemporaryDirectory() as place:
        story(options, Path(place))


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"survive.py: {error}")
