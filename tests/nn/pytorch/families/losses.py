"""Losses, and the functions of vectors that stand beside them."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

X, Y = "rng.normal(size=(4, 3))", "rng.normal(size=(4, 3))"
LOGITS, LABELS = "rng.normal(size=(4, 3))", "rng.integers(0, 3, 4)"
IMAGES, PIXELS = "rng.normal(size=(2, 3, 2, 2))", "rng.integers(0, 3, (2, 2, 2))"
SOME_LEFT_OUT = "np.array([2, -100, 0, -100])"
SHARES = "rng.dirichlet(np.ones(3), size=4)"
LOGS = "np.log(rng.dirichlet(np.ones(3), size=4))"
P = "rng.uniform(0.4, 0.6, size=(1, 3))"
SMALL_STEPS = 0  # a seed with which probabilities stay between 0 and 1 where compiled calls go a few steps
WEIGHTS = "rng.uniform(0.5, 2, size=3)"
VARIANCES = "rng.uniform(0.1, 2, size=(4, 3))"
SIGNS, SIGN_OF_EACH = "np.array([1, -1, -1, 1])", "rng.choice([-1.0, 1.0], size=(4, 3))"
ONES = "nn.BatchNorm1d(3).running_var"  # which both libraries have; the weights of the case are written into the buffer

CASES = [
    Case("nn.CrossEntropyLoss()", (LOGITS, LABELS)),
    Case(f"nn.CrossEntropyLoss({ONES})", (LOGITS, LABELS)),
    Case(f"nn.CrossEntropyLoss({ONES}, label_smoothing=0.25)", (LOGITS, SHARES)),
    Case(f"nn.CrossEntropyLoss({ONES}, label_smoothing=0.25, ignore_index=1)", (IMAGES, PIXELS)),
    Case("nn.CrossEntropyLoss(label_smoothing=0.1)", (LOGITS, SOME_LEFT_OUT)),
    Case("nn.CrossEntropyLoss()", (LOGITS, SOME_LEFT_OUT)),
    Case("nn.CrossEntropyLoss()", (IMAGES, "rng.dirichlet(np.ones(3), size=(2, 2, 2)).transpose(0, 3, 1, 2)")),
    Case("nn.CrossEntropyLoss(ignore_index=2)", ("rng.normal(size=3)", "np.array(1)")),
    Case(
        "lambda x, y, w: F.cross_entropy(x, y, w.detach(), reduction='none', ignore_index=1)",
        (IMAGES, PIXELS, WEIGHTS),
    ),
    Case("lambda x, y, w: F.cross_entropy(x, y, w.detach(), reduction='sum')", (LOGITS, SHARES, WEIGHTS)),
    Case("nn.NLLLoss()", (LOGS, LABELS)),
    Case(f"nn.NLLLoss({ONES}, ignore_index=0)", (LOGS, "np.array([2, 0, 1, 1])")),
    Case("lambda x, y: F.nll_loss(x, y, reduction='none')", (LOGS, SOME_LEFT_OUT)),
    Case("lambda x, y, w: F.nll_loss(x, y, w.detach(), reduction='sum')", (IMAGES, PIXELS, WEIGHTS)),
    Case("nn.BCELoss()", (P, P), seed=SMALL_STEPS),
    Case(f"nn.BCELoss({ONES})", (P, P), seed=SMALL_STEPS),
    Case(
        "lambda x, y, w: F.binary_cross_entropy(F.sigmoid(x), F.sigmoid(y), w.detach(), reduction='none')",
        (X, Y, VARIANCES),
    ),
    Case("nn.BCEWithLogitsLoss()", ("rng.normal(size=(1, 3))", P), seed=SMALL_STEPS),
    Case(f"nn.BCEWithLogitsLoss(pos_weight={ONES})", ("rng.normal(size=(1, 3))", P), seed=SMALL_STEPS),
    Case(f"nn.BCEWithLogitsLoss({ONES}, pos_weight={ONES})", ("rng.normal(size=(1, 3))", P), seed=SMALL_STEPS),
    Case(
        "lambda x, y, w: F.binary_cross_entropy_with_logits(x, F.sigmoid(y), pos_weight=w.detach(), reduction='sum')",
        (X, Y, WEIGHTS),
    ),
    Case("nn.MSELoss()", (X, Y)),
    Case("nn.L1Loss()", (X, Y)),
    Case("nn.SmoothL1Loss()", (X, Y)),
    Case("nn.SmoothL1Loss(beta=0.25)", (X, Y)),
    Case("lambda x, y: F.smooth_l1_loss(x, y, beta=0.0, reduction='none')", (X, Y)),
    Case("nn.HuberLoss()", (X, Y)),
    Case("nn.HuberLoss(delta=0.5)", (X, Y)),
    Case("lambda x, y: F.huber_loss(x, y, delta=2.0, reduction='none')", ("np.arange(-5.0, 6)", "np.zeros(11)")),
    Case("nn.KLDivLoss(log_target=True)", (LOGS, LOGS)),
    Case("lambda x, y: F.kl_div(x, F.softmax(y, 1), reduction='batchmean')", (LOGS, Y)),
    Case("lambda x, y: F.kl_div(x, F.one_hot(y, 3) * 1.0, reduction='none')", (LOGS, LABELS)),
    Case("nn.GaussianNLLLoss()", (X, Y, VARIANCES)),
    Case("nn.GaussianNLLLoss(full=True, eps=0.5)", (X, Y, VARIANCES)),
    Case("lambda x, y, v: F.gaussian_nll_loss(x, y, v, reduction='none')", (X, Y, "rng.uniform(0.1, 2, size=4)")),
    Case("lambda x, y, v: F.gaussian_nll_loss(x, y, v, reduction='sum')", (X, Y, "rng.uniform(0.1, 2, size=(1, 3))")),
    Case("nn.CosineSimilarity()", (X, Y)),
    Case("nn.CosineSimilarity(dim=0, eps=2.0)", (X, Y)),
    Case("lambda x, y: F.cosine_similarity(x[:, None], y[None], dim=-1)", (X, "rng.normal(size=(2, 3))")),
    Case("nn.CosineSimilarity()", ("np.zeros((2, 3))", "rng.normal(size=(2, 3))")),
    Case("nn.CosineEmbeddingLoss()", (X, Y, SIGNS)),
    Case("nn.CosineEmbeddingLoss(0.5)", ("rng.normal(size=3)", "rng.normal(size=3)", "np.array(-1)")),
    Case("lambda x, y, t: F.cosine_embedding_loss(x, y, t, 0.1, reduction='none')", (X, Y, SIGNS)),
    Case("nn.MarginRankingLoss(0.25)", ("rng.normal(size=4)", "rng.normal(size=4)", SIGNS)),
    Case("lambda x, y, t: F.margin_ranking_loss(x, y, t, reduction='none')", ("np.ones(4)", "np.ones(4)", SIGNS)),
    Case("nn.TripletMarginLoss()", (X, Y, "rng.normal(size=(4, 3))")),
    Case("nn.TripletMarginLoss(0.5, 1.5, swap=True)", (X, Y, "rng.normal(size=(4, 3))")),
    Case("lambda a, p, n: F.triplet_margin_loss(a, p, n, p=1.0, reduction='none')", (X, Y, "rng.normal(size=(4, 3))")),
    Case("nn.HingeEmbeddingLoss()", (X, "np.tile([[1], [-1]], (2, 3))")),
    Case("lambda x, y: F.hinge_embedding_loss(x, y, 0.5, reduction='none')", ("np.full(4, 0.5)", SIGNS)),
    Case("lambda x: F.normalize(x)", (X,)),
    Case("lambda x: F.normalize(x, 1.0, -1, 3.0)", (X,)),
    Case("lambda x: F.normalize(x, dim=0)", ("np.zeros((2, 2))",)),
    Case(
        "lambda x, y: F.mse_loss(x, F.one_hot(y) * 1.0)",
        ("rng.normal(size=(2, 2, 4))", "np.array([[2, 0], [1, 3]])"),
        compiles=False,  # how many classes there are would depend on the labels
    ),
    Case("lambda x, y: F.mse_loss(x, F.one_hot(y, 5) * 1.0)", ("rng.normal(size=5)", "np.array(3)")),
]

_reductions = st.sampled_from(["mean", "sum", "none"])
_numbers = st.floats(0.01, 2).map(lambda x: round(x, 3))


@st.composite
def _of_classes(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    n, c, *more = draw(st.lists(st.integers(1, 4), min_size=2, max_size=4))
    weight = draw(st.sampled_from([None, "w.detach()"]))
    options = f"{weight}, reduction={draw(_reductions)!r}"
    logits, weights = f"rng.normal(size={(n, c, *more)})", f"rng.uniform(0.5, 2, size={c})"
    name = draw(st.sampled_from(["cross_entropy", "nll_loss"]))
    if name == "cross_entropy":
        options += f", label_smoothing={draw(st.sampled_from([0.0, 0.1, 1.0]))}"
        if draw(st.booleans()):
            return f"lambda x, y, w: F.{name}(x, y, {options})", (logits, f"rng.uniform(size={(n, c, *more)})", weights)
    ignored = draw(st.sampled_from([-100, -1, c, 0]))
    kept = 0 if ignored else min(1, c - 1)  # a label that is not ignored, so that the mean is defined
    if ignored == kept:
        ignored = -100
    labels = draw(st.lists(st.sampled_from([*range(c), ignored]), min_size=n, max_size=n))
    labels[draw(st.integers(0, n - 1))] = kept
    whole = f"np.broadcast_to(np.array({labels}).reshape({(n, *[1 for _ in more])}), {(n, *more)}).copy()"
    return f"lambda x, y, w: F.{name}(x, y, {options}, ignore_index={ignored})", (logits, whole, weights)


@st.composite
def _of_elements(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    reduction = f"reduction={draw(_reductions)!r}"
    of_samples = f"reduction={draw(st.sampled_from(['batchmean', 'sum', 'none']))!r}"
    x, y = f"rng.normal(size={shape}) * 3", f"rng.normal(size={shape}) * 3"
    p, t = f"rng.uniform(0.01, 0.99, size={shape})", f"rng.uniform(0.01, 0.99, size={shape})"
    w, signs = f"rng.uniform(0.5, 2, size={shape[-1]})", f"rng.choice([-1.0, 1.0], size={shape})"
    number = draw(_numbers)
    return draw(
        st.sampled_from(
            [
                (f"lambda x, y: F.smooth_l1_loss(x, y, beta={number}, {reduction})", (x, y)),
                (f"lambda x, y: F.huber_loss(x, y, delta={number}, {reduction})", (x, y)),
                (f"lambda x, y: F.mse_loss(x, y, {reduction})", (x, y)),
                (f"lambda x, y: F.l1_loss(x, y, {reduction})", (x, y)),
                (f"lambda p, t, w: F.binary_cross_entropy(p, t, w.detach(), {reduction})", (p, t, w)),
                (
                    "lambda x, t, w, v: F.binary_cross_entropy_with_logits("
                    f"x, t, w.detach(), pos_weight=v.detach(), {reduction})",
                    (x, t, t, w),
                ),
                (f"lambda x, y: F.kl_div(x, y, {of_samples})", (x, p)),
                (f"lambda x, y: F.kl_div(x, y, log_target=True, {of_samples})", (x, y)),
                (f"lambda x, y, v: F.gaussian_nll_loss(x, y, v, True, {number}, {reduction})", (x, y, p)),
                (
                    f"lambda x, y, t: F.margin_ranking_loss(x, y, t.detach(), {number}, {reduction})",
                    (x, y, signs),
                ),
                (f"lambda x, t: F.hinge_embedding_loss(x, t.detach(), {number}, {reduction})", (x, signs)),
            ]
        )
    )


@st.composite
def _of_vectors(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=2)))
    reduction, number, dim = f"reduction={draw(_reductions)!r}", draw(_numbers), draw(st.integers(-2, 1))
    x, y, z = (f"rng.normal(size={shape})" for _ in range(3))
    order, swap = draw(st.sampled_from([1.0, 2.0, 3.0])), draw(st.booleans())
    signs = f"rng.choice([-1, 1], size={shape[0]})"
    return draw(
        st.sampled_from(
            [
                (f"nn.CosineSimilarity({dim}, {number})", (x, y)),
                (f"lambda x, y, t: F.cosine_embedding_loss(x, y, t, {number / 2}, {reduction})", (x, y, signs)),
                (f"nn.TripletMarginLoss({number}, {order}, swap={swap})", (x, y, z)),
                (f"lambda x, y, z: F.triplet_margin_loss(x, y, z, {number}, {order}, {reduction})", (x, y, z)),
                (f"lambda x: F.normalize(x, {order}, {dim}, {number})", (x,)),
            ]
        )
    )


random_cases = st.builds(
    lambda case, seed: Case(*case, seed), _of_classes() | _of_elements() | _of_vectors(), st.integers(0, 2**32 - 1)
)
