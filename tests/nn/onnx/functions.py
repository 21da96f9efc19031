"""Every function that takes tensors, in calls that are exported or in one that is refused.

The calls are expressions of `x`, a batch (N, 3) of numbers between 0.2 and 0.9, and `m`, a batch (N, 3, 3) of matrices.
"""

UNARY = (
    "absolute arccos arcsin arcsinh arctan arctanh around cbrt ceil conjugate copy cos cosh deg2rad degrees exp "
    "exp2 expm1 fabs fix floor log log10 log1p log2 negative positive rad2deg radians reciprocal rint round sign "
    "sin sinc sinh sqrt square tan tanh trunc isfinite isinf isnan signbit logical_not nan_to_num ravel sort fliplr "
    "flipud flip any all amax amin max min mean prod ptp std sum var nanmax nanmin nanmean nanprod nanstd nansum "
    "nanvar nancumsum cumsum argmax argmin argsort count_nonzero real atleast_1d atleast_2d atleast_3d transpose "
    "isreal iscomplex zeros_like ones_like"
)
BINARY = (
    "add arctan2 copysign divide equal float_power floor_divide fmax fmin fmod greater greater_equal heaviside "
    "hypot isclose less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply "
    "not_equal power remainder subtract"
)
OUTER = (
    "arctan2 copysign float_power floor_divide fmax fmin fmod heaviside hypot logaddexp logaddexp2 maximum minimum "
    "multiply power remainder"
)
SPECIAL = "cbrt entr erf erfc exp10 exp2 expit expm1 log1p log_expit logit ndtr"
SPECIAL_PAIRS = "kl_div rel_entr xlog1py xlogy"

EXPORTED: dict[str, tuple[str, ...]] = {
    **{f"np.{name}": (f"np.{name}(x)",) for name in UNARY.split()},
    **{f"np.{name}": (f"np.{name}(x, x[:, ::-1] - 0.3)", f"np.{name}(x, 0.5)") for name in BINARY.split()},
    **{f"np.{name}.outer": (f"np.{name}.outer(x, x[0] - 0.3)",) for name in OUTER.split()},
    **{f"scipy.special.{name}": (f"special.{name}(x)",) for name in SPECIAL.split()},
    **{f"scipy.special.{name}": (f"special.{name}(x, x[:, ::-1])",) for name in SPECIAL_PAIRS.split()},
    "np.add.accumulate": ("np.add.accumulate(x, axis=1)",),
    "np.add.outer": ("np.add.outer(x, x[0])",),
    "np.add.reduce": (
        "np.add.reduce(x)",
        "np.add.reduce(x, axis=1)",
    ),
    "np.angle": ("np.angle(x)",),
    "np.append": ("np.append(x, x, axis=1)",),
    "np.arange": (
        "x + np.arange(3, like=x)",
        "x[:, 0] * np.arange(len(x))",
    ),
    "np.arccosh": ("np.arccosh(x + 1)",),
    "np.array": ("np.array([x, x], like=x)",),
    "np.array_split": ("np.array_split(x, 2, axis=1)",),
    "np.asanyarray": ("np.asanyarray(x, like=x)",),
    "np.asarray": ("np.asarray(x, like=x)",),
    "np.astype": ("np.astype(x, np.float64)",),
    "np.average": (
        "np.average(x)",
        "np.average(x, axis=1, weights=[1.0, 2.0, 3.0])",
        "np.average(x, weights=x)",
    ),
    "np.block": ("np.block([[x, x], [x, x]])",),
    "np.broadcast_arrays": ("np.broadcast_arrays(x, x[:, :1])",),
    "np.broadcast_to": ("np.broadcast_to(x[:, :1], x.shape)",),
    "np.can_cast": ("x * np.can_cast(x.dtype, np.float64)",),
    "np.choose": ("np.choose(np.array([0, 1, 0]), [x, -x])",),
    "np.clip": (
        "np.clip(x, 0.3, 0.7)",
        "np.clip(x, None, 0.5)",
        "x.clip(0.4)",
    ),
    "np.column_stack": ("np.column_stack([x, x[:, 0]])",),
    "np.common_type": ("x.astype(np.common_type(x))",),
    "np.compress": ("np.compress([True, False, True], x, axis=1)",),
    "np.concatenate": (
        "np.concatenate([x, x[:, :2]], axis=1)",
        "np.concatenate([x, x])",
        "np.concatenate([x, x], None)",
    ),
    "np.corrcoef": ("np.corrcoef(m[0])",),
    "np.cov": ("np.cov(m[0])",),
    "np.cross": ("np.cross(x, x[:, ::-1])",),
    "np.cumulative_sum": (
        "np.cumulative_sum(x, axis=1)",
        "np.cumulative_sum(x, axis=1, include_initial=True)",
    ),
    "np.delete": ("np.delete(x, 1, axis=1)",),
    "np.diag": ("np.diag(m[0])",),
    "np.diagonal": (
        "np.diagonal(m, axis1=1, axis2=2)",
        "np.diagonal(m, 1, 1, 2)",
    ),
    "np.diff": ("np.diff(x)",),
    "np.divide.outer": ("np.divide.outer(x, x[0])",),
    "np.divmod": ("np.divmod(x, 0.25)",),
    "np.dot": (
        "np.dot(x, x[0])",
        "np.dot(x, x.T)",
    ),
    "np.dsplit": ("np.dsplit(m, 3)",),
    "np.dstack": ("np.dstack([x, x])",),
    "np.ediff1d": ("np.ediff1d(x[0])",),
    "np.einsum": (
        "np.einsum('ni,nij->nj', x, m)",
        "np.einsum('...i->...', x)",
        "np.einsum('ni,mi', x, x)",
    ),
    "np.empty": ("np.add(x, 0 * np.ones_like(x), out=np.empty_like(x))",),
    "np.empty_like": ("np.multiply(x, 2, out=np.empty_like(x))",),
    "np.expand_dims": ("np.expand_dims(x, (0, -1))",),
    "np.extract": ("np.extract([True, False, True], x[0])",),
    "np.eye": ("m + np.eye(3, like=m)",),
    "np.full": ("x + np.full(3, 0.5, like=x)",),
    "np.full_like": ("np.full_like(x, 2)",),
    "np.geomspace": ("np.geomspace(x, x + 1, 4)",),
    "np.gradient": ("np.gradient(x, axis=1)",),
    "np.hsplit": ("np.hsplit(x, 3)",),
    "np.hstack": ("np.hstack([x, x])",),
    "np.identity": ("m + np.identity(3, like=m)",),
    "np.imag": ("np.imag(x)",),
    "np.inner": (
        "np.inner(x, x[0])",
        "np.inner(x, x)",
    ),
    "np.insert": ("np.insert(x, 1, 0.5, axis=1)",),
    "np.iscomplexobj": ("x * np.iscomplexobj(x)",),
    "np.isrealobj": ("x * np.isrealobj(x)",),
    "np.kron": ("np.kron(x, x[:1])",),
    "np.ldexp": ("np.ldexp(x, 2)",),
    "np.linalg.cross": ("np.linalg.cross(x, x[:, ::-1])",),
    "np.linalg.det": ("np.linalg.det(m)",),
    "np.linalg.diagonal": ("np.linalg.diagonal(m)",),
    "np.linalg.matmul": ("np.linalg.matmul(m, m)",),
    "np.linalg.matrix_norm": ("np.linalg.matrix_norm(m)",),
    "np.linalg.matrix_power": ("np.linalg.matrix_power(m, 3)",),
    "np.linalg.matrix_transpose": ("np.linalg.matrix_transpose(m)",),
    "np.linalg.multi_dot": ("np.linalg.multi_dot([m[0], m[1], m[0]])",),
    "np.linalg.norm": (
        "np.linalg.norm(x)",
        "np.linalg.norm(x, axis=1)",
        "np.linalg.norm(x, 3, axis=1, keepdims=True)",
    ),
    "np.linalg.outer": ("np.linalg.outer(x[0], x[1])",),
    "np.linalg.tensordot": ("np.linalg.tensordot(x, m[0], axes=1)",),
    "np.linalg.trace": ("np.linalg.trace(m)",),
    "np.linalg.vecdot": ("np.linalg.vecdot(x, x)",),
    "np.linalg.vector_norm": (
        "np.linalg.vector_norm(x, axis=1, ord=3)",
        "np.linalg.vector_norm(x, axis=1, ord=np.inf)",
    ),
    "np.linspace": ("np.linspace(x, x + 1, 4)",),
    "np.logspace": ("np.logspace(x, x + 1, 4)",),
    "np.matmul": (
        "x @ m[0]",
        "m @ m",
        "x[:, None] @ m",
        "m[0] @ x[0]",
    ),
    "np.matrix_transpose": ("np.matrix_transpose(m)",),
    "np.matvec": ("np.matvec(m, x)",),
    "np.maximum.reduce": ("np.maximum.reduce(x, axis=1)",),
    "np.median": (
        "np.median(x, axis=1)",
        "np.median(m, axis=2, keepdims=True)",
    ),
    "np.meshgrid": ("np.meshgrid(x[0], x[1])",),
    "np.minimum.reduce": ("np.minimum.reduce(x, axis=1)",),
    "np.modf": ("np.modf(x * 5)",),
    "np.moveaxis": (
        "np.moveaxis(m, 1, -1)",
        "np.moveaxis(m, (0, 1), (1, 2))",
    ),
    "np.multiply.reduce": ("np.multiply.reduce(x, axis=1)",),
    "np.nanargmax": ("np.nanargmax(x, axis=1)",),
    "np.nanargmin": ("np.nanargmin(x)",),
    "np.ndim": ("x * np.ndim(x)",),
    "np.ones": (
        "x + np.ones(x.shape, np.float32)",
        "x + np.ones(3, like=x)",
    ),
    "np.outer": ("np.outer(x, x[0])",),
    "np.pad": (
        "np.pad(x, ((0, 0), (1, 2)))",
        "np.pad(x, 1, constant_values=2)",
        "np.pad(m, ((0, 0), (1, 1), (2, 0)), 'reflect')",
        "np.pad(x, ((0, 0), (2, 1)), 'edge')",
    ),
    "np.polyval": ("np.polyval([1.0, 2.0, 3.0], x)",),
    "np.repeat": (
        "np.repeat(x, 2, axis=1)",
        "np.repeat(x, 2, axis=0)",
        "np.repeat(x, 2)",
    ),
    "np.reshape": (
        "x.reshape(-1)",
        "m.reshape(len(m), -1)",
        "x.reshape(3, x.shape[0])",
        "x.reshape(len(x) * 3, 1)",
    ),
    "np.resize": ("np.resize(x[0], 5)",),
    "np.result_type": ("x.astype(np.result_type(x, np.float64))",),
    "np.roll": (
        "np.roll(x, 1, axis=1)",
        "np.roll(m, (1, -1), axis=(1, 2))",
    ),
    "np.rollaxis": ("np.rollaxis(m, 2)",),
    "np.rot90": (
        "np.rot90(m, 1, (1, 2))",
        "np.rot90(m, 2, (1, 2))",
        "np.rot90(m, 3, (1, 2))",
        "np.rot90(m, 4, (1, 2))",
    ),
    "np.shape": (
        "x * np.shape(x)[1]",
        "x * np.shape(x)[0]",
    ),
    "np.size": (
        "x / np.size(x)",
        "x / x.size",
    ),
    "np.split": (
        "np.split(x, 3, axis=1)",
        "np.split(x, [1], axis=1)",
    ),
    "np.squeeze": (
        "np.squeeze(x[:, :1], 1)",
        "np.squeeze(x[:, :1])",
    ),
    "np.stack": (
        "np.stack([x, x], axis=1)",
        "np.stack([x, x], -1)",
    ),
    "np.subtract.outer": ("np.subtract.outer(x, x[0])",),
    "np.swapaxes": ("np.swapaxes(m, 1, 2)",),
    "np.take": (
        "np.take(x, [2, 0], axis=1)",
        "np.take(m, 1, axis=-1)",
        "np.take(x, [0, -1])",
    ),
    "np.take_along_axis": ("np.take_along_axis(x, np.argsort(x, axis=1), axis=1)",),
    "np.tensordot": (
        "np.tensordot(x, m[0], axes=1)",
        "np.tensordot(m, m[0], ([1, 2], [0, 1]))",
    ),
    "np.tile": (
        "np.tile(x, 2)",
        "np.tile(x, (2, 1))",
        "np.tile(x, (2, 1, 2))",
    ),
    "np.trace": ("np.trace(m, axis1=1, axis2=2)",),
    "np.trapezoid": ("np.trapezoid(x)",),
    "np.tri": ("m * np.tri(3, like=m)",),
    "np.tril": (
        "np.tril(m)",
        "np.tril(m, -1)",
    ),
    "np.triu": (
        "np.triu(m)",
        "np.triu(m, 1)",
    ),
    "np.unstack": ("np.unstack(x, axis=1)",),
    "np.vander": ("np.vander(x[0])",),
    "np.vdot": ("np.vdot(x, x)",),
    "np.vecdot": ("np.vecdot(x, x)",),
    "np.vecmat": ("np.vecmat(x, m)",),
    "np.vsplit": ("np.vsplit(m[0], 3)",),
    "np.vstack": ("np.vstack([x, x])",),
    "np.where": (
        "np.where(x > 0.5, x, 0)",
        "np.where(x > 0.5, 1.0, 2.0)",
    ),
    "np.zeros": (
        "x + np.zeros(x.shape, np.float32)",
        "x + np.zeros(3, like=x)",
    ),
}

# Bessel functions, distributions and the like: no operator, and no short formula, has their digits.
OF_ONE = (
    "cosm1 dawsn erfcinv erfcx erfi erfinv exp1 expi exprel gamma gammaln gammasgn i0 i0e i1 i1e j0 j1 k0 k0e k1 "
    "k1e log_ndtr loggamma ndtri psi rgamma y0 y1"
)
OF_TWO = (
    "beta betaln chdtr chdtrc gammainc gammaincc gammainccinv gammaincinv hyp0f1 iv ive jv kn kv kve pdtr pdtrc "
    "poch stdtr stdtrit yn yv"
)
OF_THREE = "betainc betaincc betainccinv betaincinv hyp1f1"
MATRICES = "cholesky cond eig eigh eigvals eigvalsh inv matrix_rank pinv qr slogdet svd svdvals"
TRANSFORMS = "fft fft2 fftn fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 rfftn"
OTHERS = (
    "argwhere array2string array_repr array_str cumprod diagflat flatnonzero frexp i0 nancumprod nanmedian nonzero "
    "real_if_close"
)

REFUSED: dict[str, str] = {
    **{f"scipy.special.{name}": f"special.{name}(x)" for name in OF_ONE.split()},
    **{f"scipy.special.{name}": f"special.{name}(1, x)" for name in OF_TWO.split()},
    **{f"scipy.special.{name}": f"special.{name}(1, 1, x)" for name in OF_THREE.split()},
    **{f"np.linalg.{name}": f"np.linalg.{name}(m @ m.mT + np.eye(3))" for name in MATRICES.split()},
    **{f"np.fft.{name}": f"np.fft.{name}(m)" for name in TRANSFORMS.split()},
    **{f"np.{name}": f"np.{name}(x)" for name in OTHERS.split()},
    "np.allclose": "x * np.allclose(x, x)",
    "np.argpartition": "np.argpartition(x, 1)",
    "np.array_equal": "x * np.array_equal(x, x)",
    "np.array_equiv": "x * np.array_equiv(x, x)",
    "np.convolve": "np.convolve(x[0], x[1])",
    "np.copyto": "(lambda y: (np.copyto(y, x), y)[1])(x * 0)",
    "np.correlate": "np.correlate(x[0], x[1])",
    "np.cumulative_prod": "np.cumulative_prod(x, axis=1)",
    "np.digitize": "np.digitize(x, np.array([0.1, 0.5]))",
    "np.einsum_path": "np.einsum_path('ij,kj', x, x)",
    "np.interp": "np.interp(x, np.arange(3.0), np.arange(3.0))",
    "np.lexsort": "np.lexsort((x,))",
    "np.linalg.lstsq": "np.linalg.lstsq(m[0], x[0])",
    "np.linalg.solve": "np.linalg.solve(m, m)",
    "np.linalg.tensorinv": "np.linalg.tensorinv(m[0], ind=1)",
    "np.linalg.tensorsolve": "np.linalg.tensorsolve(m[0], x[0])",
    "np.maximum.accumulate": "np.maximum.accumulate(x)",
    "np.may_share_memory": "x * np.may_share_memory(x, x)",
    "np.minimum.accumulate": "np.minimum.accumulate(x)",
    "np.multiply.accumulate": "np.multiply.accumulate(x)",
    "np.nanpercentile": "np.nanpercentile(x, 30, axis=1)",
    "np.nanquantile": "np.nanquantile(x, 0.3, axis=1)",
    "np.partition": "np.partition(x, 1)",
    "np.percentile": "np.percentile(x, 30, axis=1)",
    "np.quantile": "np.quantile(x, 0.3, axis=1)",
    "np.searchsorted": "np.searchsorted(np.array([0.1, 0.5]), x)",
    "np.select": "np.select([x > 0.6], [x])",
    "np.shares_memory": "x * np.shares_memory(x, x)",
}
