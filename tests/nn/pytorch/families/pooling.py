"""Pooling: maxima, means, and windows for a size of the output."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

IMAGES, SEQUENCES = "rng.normal(size=(2, 2, 5, 6))", "rng.normal(size=(2, 2, 7))"
TIES = "rng.integers(0, 3, (1, 2, 5, 7)) * 1.0"

CASES = [
    Case("nn.MaxPool2d(2)", (IMAGES,)),
    Case("nn.MaxPool2d((3, 2), stride=(1, 2), padding=(1, 0), dilation=(1, 2))", (IMAGES,)),
    Case("nn.MaxPool2d(3, 2, 1, ceil_mode=True)", (TIES,)),
    Case("nn.MaxPool2d(2, 3, dilation=2)", (TIES,)),
    Case("lambda x: F.max_pool2d(x, 4, 2, 2, 1, True)", (TIES,)),
    Case("nn.MaxPool2d(2, ceil_mode=True)", ("rng.normal(size=(2, 5, 3))",)),
    Case("nn.MaxPool1d(3, 2, 1, ceil_mode=True)", (SEQUENCES,)),
    Case("nn.MaxPool1d(2, dilation=3)", ("rng.normal(size=(2, 7))",)),
    Case("lambda x: F.max_pool1d(x, 2, 3)", (SEQUENCES,)),
    Case("nn.AvgPool2d(2)", (IMAGES,)),
    Case("nn.AvgPool2d((3, 2), (2, 1), (1, 0), count_include_pad=False)", (IMAGES,)),
    Case("nn.AvgPool2d(3, 2, 1, True)", (IMAGES,)),
    Case("nn.AvgPool2d(3, 4, 1, True, False)", (IMAGES,)),
    Case("nn.AvgPool2d(2, divisor_override=3)", ("rng.normal(size=(2, 5, 6))",)),
    Case("nn.AvgPool1d(3, 2, 1, True)", (SEQUENCES,)),
    Case("lambda x: F.avg_pool1d(x, 2, 3, 1, False, False)", (SEQUENCES,)),
    Case("nn.AdaptiveAvgPool2d(1)", (IMAGES,)),
    Case("nn.AdaptiveAvgPool2d((3, None))", (IMAGES,)),
    Case("nn.AdaptiveAvgPool2d((4, 7))", ("rng.normal(size=(2, 5, 6))",)),
    Case("nn.AdaptiveAvgPool1d(4)", (SEQUENCES,)),
    Case("nn.AdaptiveMaxPool2d((2, 3))", (TIES,)),
    Case("nn.AdaptiveMaxPool2d((None, 1))", (TIES,)),
    Case("nn.AdaptiveMaxPool1d(3)", ("rng.normal(size=(2, 7))",)),
    Case("lambda x: F.adaptive_avg_pool2d(x, (None, 3))", (IMAGES,)),
    Case("lambda x: F.adaptive_max_pool2d(x, 2)", (TIES,)),
]


@st.composite
def _windows(draw: st.DrawFn) -> Case:
    axes, maxima = draw(st.sampled_from([1, 2])), draw(st.booleans())

    def numbers(low: int, high: int) -> list[int]:
        return [draw(st.integers(low, high)) for _ in range(axes)]

    kernel, stride, ceil = numbers(1, 4), numbers(1, 4), draw(st.booleans())
    dilation = numbers(1, 3) if maxima else [1] * axes
    fields = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    padding = [draw(st.integers(0, min(f, k) // 2)) for f, k in zip(fields, kernel, strict=True)]
    # Not so small that a window lies around it.
    least = [max(d, f - 2 * p) for d, f, p in zip(dilation, fields, padding, strict=True)]
    image = [n + draw(st.integers(0, 4)) for n in least]

    def text(sizes: list[int]) -> str:
        return str(sizes[0] if len(set(sizes)) == 1 else tuple(sizes))

    options = [text(kernel), text(stride), text(padding)]
    if maxima:
        options += [text(dilation), f"ceil_mode={ceil}"]
    else:
        options += [str(ceil), str(draw(st.booleans()))]
        if axes == 2 and draw(st.booleans()):
            options.append("divisor_override=3")
    shape = (*draw(st.sampled_from([(2,), (1, 2), (3, 1)])), *image)
    values = f"rng.integers(0, 4, {shape}) * 1.0" if maxima else f"rng.normal(size={shape})"
    return Case(f"nn.{'Max' if maxima else 'Avg'}Pool{axes}d({', '.join(options)})", (values,), draw(seeds))


@st.composite
def _sizes(draw: st.DrawFn) -> Case:
    axes, kind = draw(st.sampled_from([1, 2])), draw(st.sampled_from(["Max", "Avg"]))
    image = [draw(st.integers(1, 7)) for _ in range(axes)]
    size = tuple(draw(st.integers(1, 8) if axes == 1 else st.none() | st.integers(1, 8)) for _ in range(axes))
    shape = (*draw(st.sampled_from([(2,), (1, 2), (3, 1)])), *image)
    values = f"rng.integers(0, 4, {shape}) * 1.0" if kind == "Max" else f"rng.normal(size={shape})"
    return Case(f"nn.Adaptive{kind}Pool{axes}d({size if axes == 2 else size[0]})", (values,), draw(seeds))


seeds = st.integers(0, 2**32 - 1)
random_cases = _windows() | _sizes()
