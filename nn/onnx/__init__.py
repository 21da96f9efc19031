"""ONNX: models as files that other libraries run, and such files as models.

`export_onnx` records what a model computes for two batches of different sizes (`recording.py`), writes each operation
by its formula in ONNX's operators (`formulas/`, `graph.py`), and compares what the file computes with the model for a
batch of a third size (`export.py`). `import_onnx` checks a file (`reading.py`) and computes its operators with NumPy,
on tensors (`operators/`, `importing.py`), so that what was read can be trained.

What depends on the batch size is a multiple of it, and a number more. Numbers that are computed otherwise, decisions by
values, and arrays that are drawn at random are refused, with their line; so is each operation that has no counterpart.
A write into an array gives another array from then on. Sequences of different lengths, and complex numbers, cannot be
written down.

Layers: AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveMaxPool1d, AdaptiveMaxPool2d, AlphaDropout, AvgPool1d, AvgPool2d,
BatchNorm1d, BatchNorm2d, BatchNorm3d, CELU, ConstantPad2d, Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d, Dropout,
Dropout1d, Dropout2d, ELU, Embedding, Flatten, GELU, GLU, GRU, GRUCell, GroupNorm, Hardsigmoid, Hardswish, Hardtanh,
Identity, InstanceNorm1d, InstanceNorm2d, LSTM, LSTMCell, LayerNorm, LeakyReLU, Linear, LogSigmoid, LogSoftmax,
MaxPool1d, MaxPool2d, Mish, ModuleDict, ModuleList, MultiheadAttention, PReLU, ParameterDict, ParameterList,
PixelShuffle, RMSNorm, RNN, RNNCell, ReLU, ReLU6, ReflectionPad2d, ReplicationPad2d, SELU, Sequential, SiLU, Sigmoid,
Softmax, Softmax2d, Softmin, Softplus, Softsign, Tanh, Tanhshrink, Threshold, TransformerEncoder,
TransformerEncoderLayer, Unflatten, Unfold, Upsample, ZeroPad2d.

Functions that are exported: np.absolute, np.add, np.add.accumulate, np.add.outer, np.add.reduce, np.all, np.amax,
np.amin, np.angle, np.any, np.append, np.arange, np.arccos, np.arccosh, np.arcsin, np.arcsinh, np.arctan, np.arctan2,
np.arctan2.outer, np.arctanh, np.argmax, np.argmin, np.argsort, np.around, np.array, np.array_split, np.asanyarray,
np.asarray, np.astype, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.average, np.block, np.broadcast_arrays,
np.broadcast_to, np.can_cast, np.cbrt, np.ceil, np.choose, np.clip, np.column_stack, np.common_type, np.compress,
np.concatenate, np.conjugate, np.copy, np.copysign, np.copysign.outer, np.corrcoef, np.cos, np.cosh, np.count_nonzero,
np.cov, np.cross, np.cumsum, np.cumulative_sum, np.deg2rad, np.degrees, np.delete, np.diag, np.diagonal, np.diff,
np.divide, np.divide.outer, np.divmod, np.dot, np.dsplit, np.dstack, np.ediff1d, np.einsum, np.empty, np.empty_like,
np.equal, np.exp, np.exp2, np.expand_dims, np.expm1, np.extract, np.eye, np.fabs, np.fix, np.flip, np.fliplr,
np.flipud, np.float_power, np.float_power.outer, np.floor, np.floor_divide, np.floor_divide.outer, np.fmax,
np.fmax.outer, np.fmin, np.fmin.outer, np.fmod, np.fmod.outer, np.full, np.full_like, np.geomspace, np.gradient,
np.greater, np.greater_equal, np.heaviside, np.heaviside.outer, np.hsplit, np.hstack, np.hypot, np.hypot.outer,
np.identity, np.imag, np.inner, np.insert, np.isclose, np.iscomplex, np.iscomplexobj, np.isfinite, np.isinf, np.isnan,
np.isreal, np.isrealobj, np.kron, np.ldexp, np.less, np.less_equal, np.linalg.cross, np.linalg.det, np.linalg.diagonal,
np.linalg.matmul, np.linalg.matrix_norm, np.linalg.matrix_power, np.linalg.matrix_transpose, np.linalg.multi_dot,
np.linalg.norm, np.linalg.outer, np.linalg.tensordot, np.linalg.trace, np.linalg.vecdot, np.linalg.vector_norm,
np.linspace, np.log, np.log10, np.log1p, np.log2, np.logaddexp, np.logaddexp.outer, np.logaddexp2, np.logaddexp2.outer,
np.logical_and, np.logical_not, np.logical_or, np.logical_xor, np.logspace, np.matmul, np.matrix_transpose, np.matvec,
np.max, np.maximum, np.maximum.outer, np.maximum.reduce, np.mean, np.median, np.meshgrid, np.min, np.minimum,
np.minimum.outer, np.minimum.reduce, np.modf, np.moveaxis, np.multiply, np.multiply.outer, np.multiply.reduce,
np.nan_to_num, np.nanargmax, np.nanargmin, np.nancumsum, np.nanmax, np.nanmean, np.nanmin, np.nanprod, np.nanstd,
np.nansum, np.nanvar, np.ndim, np.negative, np.not_equal, np.ones, np.ones_like, np.outer, np.pad, np.polyval,
np.positive, np.power, np.power.outer, np.prod, np.ptp, np.rad2deg, np.radians, np.ravel, np.real, np.reciprocal,
np.remainder, np.remainder.outer, np.repeat, np.reshape, np.resize, np.result_type, np.rint, np.roll, np.rollaxis,
np.rot90, np.round, np.shape, np.sign, np.signbit, np.sin, np.sinc, np.sinh, np.size, np.sort, np.split, np.sqrt,
np.square, np.squeeze, np.stack, np.std, np.subtract, np.subtract.outer, np.sum, np.swapaxes, np.take,
np.take_along_axis, np.tan, np.tanh, np.tensordot, np.tile, np.trace, np.transpose, np.trapezoid, np.tri, np.tril,
np.triu, np.trunc, np.unstack, np.vander, np.var, np.vdot, np.vecdot, np.vecmat, np.vsplit, np.vstack, np.where,
np.zeros, np.zeros_like, scipy.special.cbrt, scipy.special.entr, scipy.special.erf, scipy.special.erfc,
scipy.special.exp10, scipy.special.exp2, scipy.special.expit, scipy.special.expm1, scipy.special.kl_div,
scipy.special.log1p, scipy.special.log_expit, scipy.special.logit, scipy.special.ndtr, scipy.special.rel_entr,
scipy.special.xlog1py, scipy.special.xlogy.

Functions that are not: np.allclose, np.argpartition, np.argwhere, np.array2string, np.array_equal, np.array_equiv,
np.array_repr, np.array_str, np.convolve, np.copyto, np.correlate, np.cumprod, np.cumulative_prod, np.diagflat,
np.digitize, np.einsum_path, np.fft.fft, np.fft.fft2, np.fft.fftn, np.fft.fftshift, np.fft.hfft, np.fft.ifft,
np.fft.ifft2, np.fft.ifftn, np.fft.ifftshift, np.fft.ihfft, np.fft.irfft, np.fft.irfft2, np.fft.irfftn, np.fft.rfft,
np.fft.rfft2, np.fft.rfftn, np.flatnonzero, np.frexp, np.i0, np.interp, np.lexsort, np.linalg.cholesky, np.linalg.cond,
np.linalg.eig, np.linalg.eigh, np.linalg.eigvals, np.linalg.eigvalsh, np.linalg.inv, np.linalg.lstsq,
np.linalg.matrix_rank, np.linalg.pinv, np.linalg.qr, np.linalg.slogdet, np.linalg.solve, np.linalg.svd,
np.linalg.svdvals, np.linalg.tensorinv, np.linalg.tensorsolve, np.maximum.accumulate, np.may_share_memory,
np.minimum.accumulate, np.multiply.accumulate, np.nancumprod, np.nanmedian, np.nanpercentile, np.nanquantile,
np.nonzero, np.partition, np.percentile, np.quantile, np.real_if_close, np.searchsorted, np.select, np.shares_memory,
scipy.special.beta, scipy.special.betainc, scipy.special.betaincc, scipy.special.betainccinv, scipy.special.betaincinv,
scipy.special.betaln, scipy.special.chdtr, scipy.special.chdtrc, scipy.special.cosm1, scipy.special.dawsn,
scipy.special.erfcinv, scipy.special.erfcx, scipy.special.erfi, scipy.special.erfinv, scipy.special.exp1,
scipy.special.expi, scipy.special.exprel, scipy.special.gamma, scipy.special.gammainc, scipy.special.gammaincc,
scipy.special.gammainccinv, scipy.special.gammaincinv, scipy.special.gammaln, scipy.special.gammasgn,
scipy.special.hyp0f1, scipy.special.hyp1f1, scipy.special.i0, scipy.special.i0e, scipy.special.i1, scipy.special.i1e,
scipy.special.iv, scipy.special.ive, scipy.special.j0, scipy.special.j1, scipy.special.jv, scipy.special.k0,
scipy.special.k0e, scipy.special.k1, scipy.special.k1e, scipy.special.kn, scipy.special.kv, scipy.special.kve,
scipy.special.log_ndtr, scipy.special.loggamma, scipy.special.ndtri, scipy.special.pdtr, scipy.special.pdtrc,
scipy.special.poch, scipy.special.psi, scipy.special.rgamma, scipy.special.stdtr, scipy.special.stdtrit,
scipy.special.y0, scipy.special.y1, scipy.special.yn, scipy.special.yv.
"""

from nn.onnx.errors import OnnxError
from nn.onnx.export import export_onnx
from nn.onnx.importing import OnnxModule, import_onnx

__all__ = ["OnnxError", "OnnxModule", "export_onnx", "import_onnx"]
