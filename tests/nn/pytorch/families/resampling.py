"""Interpolation, and pixels moved between channels and places; padding as layers."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

IMAGES, SEQUENCES = "rng.normal(size=(2, 2, 3, 4))", "rng.normal(size=(2, 2, 5))"

CASES = [
    Case("nn.Upsample(scale_factor=2)", (IMAGES,)),
    Case("nn.Upsample((5, 3))", (IMAGES,)),
    Case("nn.Upsample(7, mode='nearest')", (SEQUENCES,)),
    Case("nn.Upsample(scale_factor=1.7)", (SEQUENCES,)),
    Case("nn.Upsample(scale_factor=2, mode='bilinear')", (IMAGES,)),
    Case("nn.Upsample(scale_factor=(1.5, 0.6), mode='bilinear')", (IMAGES,)),
    Case("nn.Upsample((5, 1), mode='bilinear', align_corners=True)", (IMAGES,)),
    Case("nn.Upsample(size=8, mode='linear', align_corners=True)", (SEQUENCES,)),
    Case("lambda x: F.interpolate(x, 3, mode='linear')", (SEQUENCES,)),
    Case("lambda x: F.interpolate(x, None, 0.5, 'bilinear', False)", (IMAGES,)),
    Case("lambda x: F.interpolate(x, scale_factor=1.2, mode='bilinear')", (IMAGES,)),
    Case("nn.PixelShuffle(2)", ("rng.normal(size=(2, 8, 2, 3))",)),
    Case("lambda x: F.pixel_shuffle(x, 3)", ("rng.normal(size=(9, 2, 1))",)),
    Case("nn.Unfold(2)", (IMAGES,)),
    Case("nn.Unfold((2, 3), dilation=(2, 1), padding=1, stride=2)", (IMAGES,)),
    Case("lambda x: F.unfold(x, 2, 1, 1, (1, 2))", ("rng.normal(size=(2, 3, 4))",)),
    Case("nn.ZeroPad2d(1)", (IMAGES,)),
    Case("nn.ZeroPad2d((1, -1, 0, 2))", ("rng.normal(size=(2, 3, 4))",)),
    Case("nn.ConstantPad2d((0, 1, 2, 0), 0.5)", (IMAGES,)),
    Case("nn.ReflectionPad2d((1, 2, 2, 0))", (IMAGES,)),
    Case("nn.ReplicationPad2d(2)", ("rng.normal(size=(2, 3, 1))",)),
]


@st.composite
def _interpolations(draw: st.DrawFn) -> Case:
    axes = draw(st.sampled_from([1, 2]))
    image = tuple(draw(st.integers(1, 6)) for _ in range(axes))
    mode = draw(st.sampled_from(["nearest", "bilinear" if axes == 2 else "linear"]))
    if draw(st.booleans()):
        size = f"size={tuple(draw(st.integers(1, 13)) for _ in range(axes))}"
    else:
        # Of hundredths, whose products with a length are not whole by rounding alone.
        factors = [draw(st.integers(-(-100 // n), 350)) / 100 for n in image]
        # There PyTorch's gradient is of the rounded factor, and its output is not.
        factors = [round(f) if int(n * f) in (n, 2 * n) else f for n, f in zip(image, factors, strict=True)]
        size = f"scale_factor={tuple(factors)}"
    corners = "" if mode == "nearest" else f", align_corners={draw(st.booleans())}"
    # Of one channel, PyTorch takes nearest elements as of channels that lie last in memory, by other factors.
    given = f"rng.normal(size={(1, 2, *image)})"
    return Case(f"nn.Upsample({size}, mode={mode!r}{corners})", (given,), draw(seeds))


@st.composite
def _windows(draw: st.DrawFn) -> Case:
    kernel, dilation, padding, stride = (tuple(draw(st.integers(low, 3)) for _ in range(2)) for low in (1, 1, 0, 1))
    sizes = zip(kernel, dilation, padding, strict=True)
    image = [max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 3)) for k, d, p in sizes]
    given = f"rng.normal(size={(*draw(st.sampled_from([(2,), (3, 1)])), *image)})"
    return Case(f"nn.Unfold({kernel}, {dilation}, {padding}, {stride})", (given,), draw(seeds))


seeds = st.integers(0, 2**32 - 1)
random_cases = _interpolations() | _windows()
