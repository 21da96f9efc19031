"""Convolutions, transposed ones, and padding."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

IMAGES, SEQUENCES = "rng.normal(size=(2, 2, 4, 4))", "rng.normal(size=(2, 2, 7))"


def _layers(name: str, options: list[str], given: str) -> list[Case]:
    return [Case(f"nn.{name}(2, 4, {text})", (given,)) for text in options]


CASES = [
    *_layers(
        "Conv2d",
        [
            "3",
            "(3, 2), stride=(2, 1), padding=(0, 1), bias=False",
            "3, padding='same', dilation=(1, 2)",
            "(2, 4), padding='same'",
            "2, padding='valid'",
            "(2, 3), (1, 2), 1, (2, 1), 2",
            "2, dilation=3, padding=2, padding_mode='reflect', groups=2",
            "(2, 3), padding='same', padding_mode='replicate'",
            "3, 2, (3, 1), padding_mode='circular'",
        ],
        IMAGES,
    ),
    Case("nn.Conv2d(2, 2, 3, padding=1, groups=2)", (IMAGES,)),
    Case("nn.Conv2d(2, 4, (2, 3), 2, 2, 2, 2, False)", (IMAGES,)),
    Case("nn.Conv2d(2, 3, 3, padding=1)", ("rng.normal(size=(2, 5, 4))",)),
    *_layers("Conv1d", ["3", "2, 2, 1, 3, 2, False", "4, padding='same'"], SEQUENCES),
    *_layers("Conv1d", ["3, padding=2, padding_mode='circular'"], SEQUENCES),
    Case("nn.Conv1d(2, 3, 3, padding=1)", ("rng.normal(size=(2, 6))",)),
    *_layers(
        "ConvTranspose2d",
        [
            "3",
            "(2, 3), 2, (0, 1), 1, 2, False",
            "2, (3, 2), 1, (2, 1), 2, True, 2",
            "2, dilation=3, output_padding=2",
        ],
        "rng.normal(size=(1, 2, 3, 2))",
    ),
    Case("nn.ConvTranspose2d(2, 2, 3, 2, groups=2)", ("rng.normal(size=(2, 3, 2))",)),
    *_layers("ConvTranspose1d", ["3", "2, 2, 1, 1, 2, False", "2, 1, 0, 1, 1, True, 3"], SEQUENCES),
    Case("nn.ConvTranspose1d(2, 3, 3)", ("rng.normal(size=(2, 6))",)),
    Case(
        "lambda x, w, b: F.conv2d(x, w, b, 1, 1, 1, 2)",
        (IMAGES, "rng.normal(size=(2, 1, 3, 3))", "rng.normal(size=2)"),
    ),
    Case("lambda x, w: F.conv1d(x, w, padding='same', dilation=2)", (SEQUENCES, "rng.normal(size=(2, 2, 3))")),
    Case("lambda x: F.pad(x, (2, 1))", (SEQUENCES,)),
    Case("lambda x: F.pad(x, (2, -1, -2, 1, 1, 0), 'constant', 0.5)", (SEQUENCES,)),
    Case("lambda x: F.pad(x, (2, -1, 1, 3), mode='reflect')", (IMAGES,)),
    Case("lambda x: F.pad(x, (-2, 2), mode='reflect')", (SEQUENCES,)),
    Case("lambda x: F.pad(x, (5, 1, 0, 2), mode='replicate')", (IMAGES,)),
    Case("lambda x: F.pad(x, (-1, 3, 2, 1), mode='circular')", (IMAGES,)),
]  # fmt: skip

seeds = st.integers(0, 2**32 - 1)
_modes = st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"])


@st.composite
def _convolutions(draw: st.DrawFn) -> Case:
    axes = draw(st.sampled_from([1, 2]))

    def numbers(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    kernel, stride, dilation = numbers(1, 3), numbers(1, 3), numbers(1, 3)
    groups, c, o = (draw(st.integers(1, 3)) for _ in range(3))
    transposed = draw(st.booleans())
    fields = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    parts = [f"{groups * c}, {groups * o}, {kernel}, {stride}"]
    if transposed:
        padding = tuple(draw(st.integers(0, (f - 1) // 2)) for f in fields)
        more = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
        parts.append(f"{padding}, {more}, {groups}, {draw(st.booleans())}, {dilation}")
        image = numbers(1, 4)
    else:
        padding, mode = numbers(0, 3), draw(_modes)
        least = [max(p + 1, f - 2 * p) for p, f in zip(padding, fields, strict=True)]
        image = tuple(n + draw(st.integers(0, 3)) for n in least)
        # PyTorch warns of what it has to copy.
        if max(stride) == 1 and all(f % 2 for f in fields) and draw(st.booleans()):
            padding, image = "'same'", tuple(f + n for f, n in zip(fields, image, strict=True))
        parts.append(f"{padding}, {dilation}, {groups}, {draw(st.booleans())}, {mode!r}")
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    kind = "ConvTranspose" if transposed else "Conv"
    given = f"rng.normal(size={(*batch, groups * c, *image)})"
    return Case(f"nn.{kind}{axes}d({', '.join(parts)})", (given,), draw(seeds))


@st.composite
def _paddings(draw: st.DrawFn) -> Case:
    shape = tuple(draw(st.integers(1, 4)) for _ in range(4))
    mode = draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    widths: list[int] = []
    for n in shape[: 1 if mode != "constant" and draw(st.booleans()) else -3 : -1]:
        most = {"constant": 3, "reflect": n - 1, "replicate": 4, "circular": n}[mode]
        before, after = (draw(st.integers(-1 if n > 3 else 0, most)) for _ in range(2))
        if mode == "circular" and min(before, after) < 0:  # of what is left
            before, after = min(before, n - 2), min(after, n - 2)
        widths += [before, after]
    value = f", {draw(st.sampled_from([0.0, -1.5]))}" if mode == "constant" else ""
    return Case(f"lambda x: F.pad(x, {tuple(widths)}, {mode!r}{value})", (f"rng.normal(size={shape})",), draw(seeds))


random_cases = _convolutions() | _paddings()
