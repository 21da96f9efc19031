"""Normalisation over the batch, over features, and over groups of channels."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case


def _normal(*shape: int) -> str:
    return f"rng.normal(size={shape})"


CASES = [
    Case("nn.BatchNorm3d(2)", (_normal(2, 2, 2, 1, 2),)),
    Case("nn.LayerNorm(4)", (_normal(2, 3, 4),)),
    Case("nn.LayerNorm((3, 4), 0.1)", (_normal(2, 3, 4),)),
    Case("nn.LayerNorm([4], bias=False)", (_normal(3, 4),)),
    Case("nn.LayerNorm(4, 1e-3, False)", (_normal(4),)),
    Case("lambda x, w: F.layer_norm(x, (4,), w)", (_normal(3, 4), _normal(4))),
    Case("lambda x, b: F.layer_norm(x, (4,), None, b, 0.5)", (_normal(3, 4), _normal(4))),
    Case("nn.RMSNorm(4)", (_normal(2, 3, 4),)),
    Case("nn.RMSNorm((3, 4), 1e-2)", (_normal(2, 3, 4),)),
    Case("nn.RMSNorm(4, elementwise_affine=False)", (_normal(3, 4),)),
    Case("lambda x, w: F.rms_norm(x, (4,), w)", (_normal(3, 4), _normal(4))),
    Case("nn.GroupNorm(2, 4)", (_normal(2, 4, 3, 2),)),
    Case("nn.GroupNorm(1, 4, 1e-2)", (_normal(3, 4),)),
    Case("nn.GroupNorm(4, 4, affine=False)", (_normal(2, 4, 3),)),
    Case("lambda x, w, b: F.group_norm(x, 2, w, b)", (_normal(2, 4, 3), _normal(4), _normal(4))),
    Case("nn.InstanceNorm1d(3)", (_normal(2, 3, 4),)),
    Case("nn.InstanceNorm1d(3, affine=True)", (_normal(3, 4),)),
    Case("nn.InstanceNorm1d(3, 1e-3, 0.3, True, True)", (_normal(2, 3, 4),)),
    Case("nn.InstanceNorm2d(3, track_running_stats=True)", (_normal(2, 3, 2, 2),)),
    Case("nn.InstanceNorm2d(3, affine=True, track_running_stats=True)", (_normal(2, 3, 2, 2),), training=False),
    Case("nn.InstanceNorm2d(3)", (_normal(3, 2, 4),), training=False),
    Case("lambda x, w, b: F.instance_norm(x, weight=w, bias=b)", (_normal(2, 3, 4), _normal(3), _normal(3))),
]

_sizes = st.integers(1, 4)
_OF_CHANNELS = {"InstanceNorm1d": 1, "InstanceNorm2d": 2, "BatchNorm3d": 3}
_eps = st.sampled_from([1e-5, 1e-3, 0.1])


@st.composite
def _random_cases(draw: st.DrawFn) -> Case:
    """Draw a layer, its settings and its input."""
    n, length, eps, affine = draw(_sizes), draw(st.integers(2, 4)), draw(_eps), draw(st.booleans())
    groups, seed, training = draw(_sizes), draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    kind = draw(
        st.sampled_from(["LayerNorm", "RMSNorm", "GroupNorm", "InstanceNorm1d", "InstanceNorm2d", "BatchNorm3d"])
    )
    if kind in ("LayerNorm", "RMSNorm"):
        shape = (*draw(st.lists(_sizes, max_size=2)), length)
        lead = tuple(draw(st.lists(_sizes, max_size=2)))
        settings = f"{shape}, {draw(_eps | st.none()) if kind == 'RMSNorm' else eps}, {affine}"
        return Case(f"nn.{kind}({settings})", (_normal(*lead, *shape),), seed)
    if kind == "GroupNorm":
        channels = groups * draw(_sizes)
        rest = (length, *draw(st.lists(_sizes, max_size=2)))
        return Case(f"nn.GroupNorm({groups}, {channels}, {eps}, {affine})", (_normal(n, channels, *rest),), seed)
    momentum, track = draw(st.sampled_from([0.0, 0.1, 0.7, 1.0])), draw(st.booleans())
    axes = _OF_CHANNELS[kind]
    lead = () if kind != "BatchNorm3d" and draw(st.booleans()) else (n,)
    shape = (*lead, groups, length, *(draw(_sizes) for _ in range(axes - 1)))
    make = f"nn.{kind}({groups}, {eps}, {momentum}, {affine}, {track})"
    return Case(make, (_normal(*shape),), seed, training)


random_cases = _random_cases()
