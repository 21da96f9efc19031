"""The order of arguments, held against PyTorch's.

Whoever writes `nn.Dropout(0.5, True)` from habit means `inplace`. A place in a call either means here what it means in
PyTorch, or it cannot be used, so that the slip raises a TypeError. This holds for every public class and function of
`nn`, `nn.functional`, `nn.optim`, `nn.optim.lr_scheduler`, `nn.init`, `nn.data` and `nn.utils` that PyTorch has under
the same name, and for the methods of modules, optimisers and schedules.
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import Tensor, neural
from nn import data, init, optim
from nn import functional as F

# What PyTorch 2.13 takes by position, and of torchvision.transforms.v2 those that are in nn.data.
PYTORCH = """
nn.AlphaDropout: p inplace
nn.AdaptiveAvgPool1d: output_size
nn.AdaptiveAvgPool2d: output_size
nn.AdaptiveMaxPool1d: output_size return_indices
nn.AdaptiveMaxPool2d: output_size return_indices
nn.AvgPool1d: kernel_size stride padding ceil_mode count_include_pad
nn.AvgPool2d: kernel_size stride padding ceil_mode count_include_pad divisor_override
nn.BCELoss: weight size_average reduce reduction
nn.BCEWithLogitsLoss: weight size_average reduce reduction pos_weight
nn.BatchNorm1d: num_features eps momentum affine track_running_stats device dtype
nn.BatchNorm2d: num_features eps momentum affine track_running_stats device dtype
nn.BatchNorm3d: num_features eps momentum affine track_running_stats device dtype
nn.CELU: alpha inplace
nn.ConstantPad2d: padding value
nn.Conv1d: in_channels out_channels kernel_size stride padding dilation groups bias padding_mode device dtype
nn.Conv2d: in_channels out_channels kernel_size stride padding dilation groups bias padding_mode device dtype
nn.ConvTranspose1d: in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode
nn.ConvTranspose2d: in_channels out_channels kernel_size stride padding output_padding groups bias dilation padding_mode
nn.CosineEmbeddingLoss: margin size_average reduce reduction
nn.CosineSimilarity: dim eps
nn.CrossEntropyLoss: weight size_average ignore_index reduce reduction label_smoothing
nn.Dropout: p inplace
nn.Dropout1d: p inplace
nn.Dropout2d: p inplace
nn.ELU: alpha inplace
nn.Embedding: num_embeddings embedding_dim padding_idx max_norm norm_type scale_grad_by_freq sparse
nn.Flatten: start_dim end_dim
nn.GELU: approximate
nn.GLU: dim
nn.GroupNorm: num_groups num_channels eps affine device dtype
nn.Hardsigmoid: inplace
nn.Hardswish: inplace
nn.Hardtanh: min_val max_val inplace min_value max_value
nn.Identity: *args
nn.InstanceNorm1d: num_features eps momentum affine track_running_stats device dtype
nn.InstanceNorm2d: num_features eps momentum affine track_running_stats device dtype
nn.GaussianNLLLoss:
nn.HingeEmbeddingLoss: margin size_average reduce reduction
nn.HuberLoss: reduction delta
nn.KLDivLoss: size_average reduce reduction log_target
nn.L1Loss: size_average reduce reduction
nn.LayerNorm: normalized_shape eps elementwise_affine bias device dtype
nn.LeakyReLU: negative_slope inplace
nn.GRU: input_size hidden_size num_layers bias batch_first dropout bidirectional device dtype
nn.GRUCell: input_size hidden_size bias device dtype
nn.L1Loss: size_average reduce reduction
nn.LSTM: input_size hidden_size num_layers bias batch_first dropout bidirectional proj_size device dtype
nn.LSTMCell: input_size hidden_size bias device dtype
nn.Linear: in_features out_features bias device dtype
nn.LogSigmoid: *args
nn.LogSoftmax: dim
nn.MarginRankingLoss: margin size_average reduce reduction
nn.MSELoss: size_average reduce reduction
nn.MaxPool1d: kernel_size stride padding dilation return_indices ceil_mode
nn.MaxPool2d: kernel_size stride padding dilation return_indices ceil_mode
nn.Mish: inplace
nn.Module: *args
nn.ModuleDict: modules
nn.ModuleList: modules
nn.Parameter: data requires_grad
nn.PReLU: num_parameters init device dtype
nn.ParameterDict: parameters
nn.ParameterList: values
nn.RMSNorm: normalized_shape eps elementwise_affine device dtype
nn.RNN: input_size hidden_size num_layers nonlinearity bias batch_first dropout bidirectional device dtype
nn.RNNCell: input_size hidden_size bias nonlinearity device dtype
nn.MultiheadAttention: embed_dim num_heads dropout bias add_bias_kv add_zero_attn kdim vdim batch_first device dtype
nn.RMSNorm: normalized_shape eps elementwise_affine device dtype
nn.NLLLoss: weight size_average ignore_index reduce reduction
nn.ReLU: inplace
nn.ReLU6: inplace
nn.SELU: inplace
nn.PixelShuffle: upscale_factor
nn.ReLU: inplace
nn.ReflectionPad2d: padding
nn.ReplicationPad2d: padding
nn.Sequential: *args
nn.SiLU: inplace
nn.Sigmoid: *args
nn.SmoothL1Loss: size_average reduce reduction beta
nn.Softmax: dim
nn.Softmax2d: *args
nn.Softmin: dim
nn.Softplus: beta threshold
nn.Softsign: *args
nn.Tanh: *args
nn.Tanhshrink: *args
nn.Threshold: threshold value inplace
nn.Unflatten: dim unflattened_size
nn.TransformerEncoder: encoder_layer num_layers norm enable_nested_tensor mask_check
nn.TransformerEncoderLayer: d_model nhead dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias
nn.Unfold: kernel_size dilation padding stride
nn.Upsample: size scale_factor mode align_corners recompute_scale_factor
nn.ZeroPad2d: padding
nn.TripletMarginLoss: margin p eps swap size_average reduce reduction

nn.Module.add_module: name module
nn.Embedding.from_pretrained: embeddings freeze padding_idx max_norm norm_type scale_grad_by_freq sparse
nn.Module.apply: fn
nn.Module.buffers: recurse
nn.Module.children:
nn.Module.double:
nn.Module.eval:
nn.Module.extra_repr:
nn.Module.float:
nn.Module.get_buffer: target
nn.Module.get_parameter: target
nn.Module.get_submodule: target
nn.Module.half:
nn.Module.load_state_dict: state_dict strict assign
nn.Module.modules: remove_duplicate
nn.Module.named_buffers: prefix recurse remove_duplicate
nn.Module.named_children:
nn.Module.named_modules: memo prefix remove_duplicate
nn.Module.named_parameters: prefix recurse remove_duplicate
nn.Module.parameters: recurse
nn.Module.register_buffer: name tensor persistent
nn.Module.register_forward_hook: hook
nn.Module.register_forward_pre_hook: hook
nn.Module.register_module: name module
nn.Module.register_parameter: name param
nn.Module.requires_grad_: requires_grad
nn.Module.state_dict: *args
nn.Module.to: *args
nn.Module.train: mode
nn.Module.zero_grad: set_to_none
nn.ModuleDict.clear:
nn.ModuleDict.items:
nn.ModuleDict.keys:
nn.ModuleDict.pop: key
nn.ModuleDict.update: modules
nn.ModuleDict.values:
nn.ModuleList.append: module
nn.ModuleList.extend: modules
nn.ParameterDict.clear:
nn.ParameterDict.items:
nn.ParameterDict.keys:
nn.ParameterDict.pop: key
nn.ParameterDict.update: parameters
nn.ParameterDict.values:
nn.ParameterList.append: value
nn.ParameterList.extend: values
nn.Sequential.append: module

F.alpha_dropout: input p training inplace
F.adaptive_avg_pool1d: input output_size
F.adaptive_avg_pool2d: input output_size
F.adaptive_max_pool1d: input output_size return_indices
F.adaptive_max_pool2d: input output_size return_indices
F.avg_pool1d: input kernel_size stride padding ceil_mode count_include_pad
F.avg_pool2d: input kernel_size stride padding ceil_mode count_include_pad divisor_override
F.batch_norm: input running_mean running_var weight bias training momentum eps
F.binary_cross_entropy: input target weight size_average reduce reduction
F.binary_cross_entropy_with_logits: input target weight size_average reduce reduction pos_weight
F.celu: input alpha inplace
F.conv1d: input weight bias stride padding dilation groups
F.conv2d: input weight bias stride padding dilation groups
F.conv_transpose1d: input weight bias stride padding output_padding groups dilation
F.conv_transpose2d: input weight bias stride padding output_padding groups dilation
F.cross_entropy: input target weight size_average ignore_index reduce reduction label_smoothing
F.dropout: input p training inplace
F.dropout1d: input p training inplace
F.dropout2d: input p training inplace
F.elu: input alpha inplace
F.embedding: input weight padding_idx max_norm norm_type scale_grad_by_freq sparse
F.gelu: input
F.glu: input dim
F.group_norm: input num_groups weight bias eps
F.hardsigmoid: input inplace
F.hardswish: input inplace
F.hardtanh: input min_val max_val inplace
F.instance_norm: input running_mean running_var weight bias use_input_stats momentum eps
F.interpolate: input size scale_factor mode align_corners recompute_scale_factor antialias
F.cosine_embedding_loss: input1 input2 target margin size_average reduce reduction
F.cosine_similarity: x1 x2 dim eps
F.cross_entropy: input target weight size_average ignore_index reduce reduction label_smoothing
F.dropout: input p training inplace
F.gaussian_nll_loss: input target var full eps reduction
F.hinge_embedding_loss: input target margin size_average reduce reduction
F.huber_loss: input target reduction delta weight
F.kl_div: input target size_average reduce reduction log_target
F.l1_loss: input target size_average reduce reduction weight
F.layer_norm: input normalized_shape weight bias eps
F.leaky_relu: input negative_slope inplace
F.linear: input weight bias
F.log_softmax: input dim _stacklevel dtype
F.logsigmoid: input
F.max_pool1d: input kernel_size stride padding dilation ceil_mode return_indices
F.margin_ranking_loss: input1 input2 target margin size_average reduce reduction
F.max_pool2d: input kernel_size stride padding dilation ceil_mode return_indices
F.mish: input inplace
F.mse_loss: input target size_average reduce reduction weight
F.prelu: input weight
F.pad: input pad mode value
F.pixel_shuffle: input upscale_factor
F.nll_loss: input target weight size_average ignore_index reduce reduction
F.normalize: input p dim eps out
F.one_hot: tensor num_classes
F.relu: input inplace
F.relu6: input inplace
F.rms_norm: input normalized_shape weight eps
F.selu: input inplace
F.scaled_dot_product_attention: query key value attn_mask dropout_p is_causal
F.sigmoid: input
F.silu: input inplace
F.softmax: input dim _stacklevel dtype
F.softmin: input dim _stacklevel dtype
F.softplus: input beta threshold
F.softsign: input
F.tanh: input
F.tanhshrink: input
F.threshold: input threshold value inplace
F.unfold: input kernel_size dilation padding stride
F.smooth_l1_loss: input target size_average reduce reduction beta
F.softmax: input dim _stacklevel dtype
F.triplet_margin_loss: anchor positive negative margin p eps swap size_average reduce reduction

optim.Adagrad: params lr lr_decay weight_decay initial_accumulator_value eps foreach
optim.Adam: params lr betas eps weight_decay amsgrad
optim.AdamW: params lr betas eps weight_decay amsgrad
optim.LBFGS: params lr max_iter max_eval tolerance_grad tolerance_change history_size line_search_fn
optim.NAdam: params lr betas eps weight_decay momentum_decay decoupled_weight_decay
optim.Optimizer: params defaults
optim.RMSprop: params lr alpha eps weight_decay momentum centered capturable foreach maximize differentiable
optim.SGD: params lr momentum dampening weight_decay nesterov
optim.Optimizer.add_param_group: param_group
optim.Optimizer.load_state_dict: state_dict
optim.Optimizer.state_dict:
optim.Optimizer.step: closure
optim.Optimizer.zero_grad: set_to_none

lr_scheduler.ChainedScheduler: schedulers optimizer
lr_scheduler.ConstantLR: optimizer factor total_iters last_epoch
lr_scheduler.CosineAnnealingLR: optimizer T_max eta_min last_epoch
lr_scheduler.CosineAnnealingWarmRestarts: optimizer T_0 T_mult eta_min last_epoch
lr_scheduler.ExponentialLR: optimizer gamma last_epoch
lr_scheduler.LRScheduler: optimizer last_epoch
lr_scheduler.LambdaLR: optimizer lr_lambda last_epoch
lr_scheduler.LinearLR: optimizer start_factor end_factor total_iters last_epoch
lr_scheduler.MultiStepLR: optimizer milestones gamma last_epoch
lr_scheduler.MultiplicativeLR: optimizer lr_lambda last_epoch
lr_scheduler.OneCycleLR: optimizer max_lr total_steps epochs steps_per_epoch pct_start anneal_strategy cycle_momentum \
    base_momentum max_momentum div_factor final_div_factor three_phase last_epoch
lr_scheduler.PolynomialLR: optimizer total_iters power last_epoch
lr_scheduler.ReduceLROnPlateau: optimizer mode factor patience threshold threshold_mode cooldown min_lr eps
lr_scheduler.SequentialLR: optimizer schedulers milestones last_epoch
lr_scheduler.StepLR: optimizer step_size gamma last_epoch
lr_scheduler.LRScheduler.get_last_lr:
lr_scheduler.LRScheduler.get_lr:
lr_scheduler.LRScheduler.load_state_dict: state_dict
lr_scheduler.LRScheduler.state_dict:
lr_scheduler.LRScheduler.step: epoch
lr_scheduler.ReduceLROnPlateau.step: metrics epoch

init.calculate_gain: nonlinearity param
init.constant_: tensor val
init.dirac_: tensor groups
init.eye_: tensor
init.kaiming_normal_: tensor a mode nonlinearity generator
init.kaiming_uniform_: tensor a mode nonlinearity generator
init.normal_: tensor mean std generator
init.ones_: tensor
init.orthogonal_: tensor gain generator
init.sparse_: tensor sparsity std generator
init.trunc_normal_: tensor mean std a b generator
init.uniform_: tensor a b generator
init.xavier_normal_: tensor gain generator
init.xavier_uniform_: tensor gain generator
init.zeros_: tensor

data.Compose: transforms
data.ConcatDataset: datasets
data.DataLoader: dataset batch_size shuffle sampler batch_sampler num_workers collate_fn pin_memory drop_last timeout
data.Dataset:
data.GaussianNoise: mean sigma clip
data.IterableDataset:
data.RandomAffine: degrees translate scale shear interpolation fill center
data.RandomHorizontalFlip: p
data.RandomRotation: degrees interpolation expand center fill
data.RandomVerticalFlip: p
data.Subset: dataset indices
data.TensorDataset: *tensors
data.default_collate: batch
data.random_split: dataset lengths generator

utils.clip_grad_norm_: parameters max_norm norm_type error_if_nonfinite foreach
utils.clip_grad_value_: parameters clip_value foreach
utils.parameters_to_vector: parameters
utils.remove_spectral_norm: module name
utils.remove_weight_norm: module name
utils.spectral_norm: module name n_power_iterations eps dim
utils.vector_to_parameters: vec parameters
utils.weight_norm: module name dim

torch.flatten: input start_dim end_dim
torch.logsumexp: input dim keepdim
torch.save: obj f
torch.load: f map_location
"""
ORDER = {name: parameters.split() for name, parameters in re.findall(r"^(\S+):(.*)$", PYTORCH, re.MULTILINE)}

# What PyTorch calls otherwise.
SAME = {
    "*modules": {"*args"},
    "array": {"tensor"},
    "axis": {"dim"},
    "entries": {"modules", "parameters"},
    "group": {"param_group"},
    "keepdims": {"keepdim"},
    "labels": {"tensor"},
    "log_probabilities": {"input"},
    "logits": {"input"},
    "mean": {"running_mean"},
    "p": {"input"},
    "parameter": {"param"},
    "path": {"f"},
    "to": {"*args"},
    "predictions": {"input"},
    "rng": {"generator"},
    "state": {"state_dict", "obj"},
    "targets": {"target"},
    "var": {"running_var"},
    "vector": {"vec"},
    "x": {"input"},
    "x1": {"input1"},
    "x2": {"input2"},
}
ELSEWHERE = {"F.flatten": "torch.flatten", "F.logsumexp": "torch.logsumexp", "nn.save": "torch.save"}
ELSEWHERE |= {"nn.load": "torch.load"}
# What PyTorch has not, or in another form: functional_call has a test of its own.
OURS = {"nn.accuracy", "nn.evaluate", "nn.explain_divergence", "nn.fit", "nn.functional_call", "nn.predict"}
OURS |= {"nn.Checkpoints", "nn.Module.astype", "nn.compile_step", "nn.find_lr"}
OURS |= {"nn.export_onnx", "nn.import_onnx"}
OURS |= {"data.Batches", "data.LabelledImages", "data.load", "data.read_idx"}
PLACES: dict[str, Any] = {"nn": nn, "F": F, "optim": optim, "init": init, "data": data, "utils": nn.utils}
PLACES |= {"lr_scheduler": optim.lr_scheduler}
BASES = {"optim": "optim.Optimizer", "lr_scheduler": "lr_scheduler.LRScheduler"}


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public class and function."""
    for place, package in PLACES.items():
        yield from ((f"{place}.{name}", getattr(package, name)) for name in package.__all__)


def methods() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every public method of modules, optimisers and schedules, named by the class that PyTorch has it in.

    All `forward` take what the module is called with.
    """
    for name, value in functions():
        if isinstance(value, type) and name not in OURS:
            base = BASES.get(name.split(".")[0], "nn.Module")
            for method, function in inspect.getmembers(value, inspect.isfunction):
                if not method.startswith("_") and method != "forward":
                    own = f"{name}.{method}"
                    yield own if own in ORDER else f"{base}.{method}", function


def by_position(function: Callable[..., Any]) -> list[str]:
    """Return what a function takes by position, or a class; of one of any number, with a star."""
    if isinstance(function, type):
        if function.__init__ is object.__init__:
            return []  # Module.__new__ refuses whatever it is given
        function = function.__init__
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return names + [f"*{p.name}" for p in parameters if p.kind == p.VAR_POSITIONAL]


def check(name: str, function: Callable[..., Any]) -> None:
    expected = ORDER.get(ELSEWHERE.get(name, name))
    assert expected is not None, f"{name}: say what PyTorch takes, or that it has none"
    places = by_position(function)
    assert len(places) <= len(expected), f"{name} takes {len(places)} arguments by position, PyTorch {len(expected)}"
    for own, other in zip(places, expected, strict=False):
        assert own == other or other in SAME.get(own, ()), f"{name}: {own} stands where PyTorch has {other}"


@pytest.mark.parametrize(("name", "function"), [pair for pair in functions() if callable(pair[1])])
def test_each_place_means_what_it_means_in_pytorch(name: str, function: Callable[..., Any]) -> None:
    if name not in OURS:
        check(name, function)


def test_each_place_of_a_method_does_too() -> None:
    found = dict(methods())
    assert len(found) > 25
    for name, function in found.items():
        if name not in OURS:
            check(name, function)


def test_neural_functions_are_those_of_functional() -> None:
    for name in neural.__all__:
        assert by_position(getattr(neural, name)) == by_position(getattr(F, name))


X, Y = Tensor(np.full((2, 3), 0.25, np.float32), requires_grad=True), np.array([0, 2])
P, MASK = [Tensor([1.0], requires_grad=True)], np.ones(3, np.float32)


@pytest.mark.parametrize(
    "slip",
    [
        lambda: nn.Dropout(0.5, 0.5),
        lambda: nn.Linear(3, 2, True, None),
        lambda: nn.Conv2d(1, 8, 3, 1, 1, 1, 1, False, "zeros", None),
        lambda: nn.ConvTranspose2d(1, 8, 3, 1, 1, 0, 1, True, 1, "zeros"),
        lambda: nn.BatchNorm1d(8, 1e-5, 0.1, True, True, None),
        lambda: nn.Flatten(1, 2, 3),
        lambda: nn.MaxPool2d(2, 2, 0, 1, True),
        lambda: nn.AdaptiveMaxPool2d(2, True),
        lambda: nn.Upsample(None, 2, "nearest", None, True),
        lambda: nn.CrossEntropyLoss(MASK, True),
        lambda: nn.MSELoss(True),
        lambda: nn.BCELoss(MASK, True),
        lambda: nn.NLLLoss(MASK, True),
        lambda: nn.TripletMarginLoss(1.0, 2.0, 1e-6, False, True),
        lambda: nn.HuberLoss("sum"),
        lambda: F.cross_entropy(X, Y, MASK, True),
        lambda: F.mse_loss(X, X, True),
        lambda: F.l1_loss(X, X, True),
        lambda: F.binary_cross_entropy(X, X, MASK, True),
        lambda: F.binary_cross_entropy_with_logits(X, X, MASK, True),
        lambda: F.dropout(X, 0.5, True, False),
        lambda: F.dropout(X, 0.5, True),
        lambda: F.relu(X, True),
        lambda: F.leaky_relu(X, 0.1, True),
        lambda: F.leaky_relu(X, True),
        lambda: F.hardtanh(X, -1, 1, True),
        lambda: nn.LeakyReLU(True),
        lambda: nn.LeakyReLU(0.1, 0.2),
        lambda: F.softmax(X, 1, 3),
        lambda: F.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), None, 1, 0, 1, 1, "fft"),
        lambda: F.max_pool2d(np.ones((1, 1, 4, 4)), 2, 2, 0, 1, False, True),
        lambda: F.batch_norm(X, MASK, MASK, MASK, MASK, True),
        lambda: F.batch_norm(X, None, None, None, None, True, 0.1, 1e-5),
        lambda: optim.Adam(P, 1e-3, (0.9, 0.999), 1e-8, 0.0, False, True),
        lambda: optim.RMSprop(P, 1e-2, 0.99, 1e-8, 0.0, 0.0, False, True),
        lambda: optim.Adagrad(P, 1e-2, 0.0, 0.0, 0.0, 1e-10, True),
        lambda: optim.SGD(P, 0.1, 0.9, 0.0, 0.0, False, True),
        lambda: nn.functional_call(nn.Linear(3, 2), {}, (X,)),
        lambda: nn.functional_call(nn.Linear(3, 2), {}, (X.data,), {}),
    ],
)
def test_a_slip_raises(slip: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        slip()


def test_what_pytorchs_users_write_by_position_is_understood() -> None:
    assert nn.Linear(3, 2, False).bias is None
    layer = nn.BatchNorm1d(8, 1e-3, 0.2, False, False)
    assert (layer.eps, layer.momentum, layer.weight, layer.running_mean) == (1e-3, 0.2, None, None)
    layer = nn.Conv2d(2, 8, 3, 2, 1, 3, 2, False, "reflect")
    assert (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (2, 2), (1, 1), (3, 3))
    assert (layer.groups, layer.bias, layer.padding_mode) == (2, None, "reflect")
    layer = nn.ConvTranspose2d(2, 8, 3, 2, 1, 1, 2, False, 3)
    assert (layer.stride, layer.padding, layer.output_padding, layer.dilation) == ((2, 2), (1, 1), (1, 1), (3, 3))
    assert (layer.groups, layer.bias) == (2, None)
    pool = nn.MaxPool2d(3, 2, 1, 4)
    assert (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == ((3, 3), (2, 2), (1, 1), (4, 4))
    pool = nn.AvgPool2d(3, 2, 1, True, False, 7)
    assert (pool.kernel_size, pool.stride, pool.padding) == ((3, 3), (2, 2), (1, 1))
    assert repr(nn.Dropout(0.2, True)) == "Dropout(p=0.2, inplace=True)"
    assert repr(nn.Flatten(1, 2)) == "Flatten(start_dim=1, end_dim=2)"
    assert repr(nn.ReLU(True)) == "ReLU(inplace=True)"
    assert repr(nn.LeakyReLU(0.2, True)) == "LeakyReLU(negative_slope=0.2, inplace=True)"
    assert (pool.ceil_mode, pool.count_include_pad, pool.divisor_override) == (True, False, 7)
    (group,) = optim.SGD(P, 0.1, 0.9, 0.0, 0.5, True).param_groups
    assert [group[name] for name in ORDER["optim.SGD"][1:]] == [0.1, 0.9, 0.0, 0.5, True]
    (group,) = optim.Adam(P, 0.1, (0.5, 0.9), 1e-4, 0.5, True).param_groups
    assert [group[name] for name in ORDER["optim.Adam"][1:]] == [0.1, (0.5, 0.9), 1e-4, 0.5, True]
    (group,) = optim.RMSprop(P, 0.1, 0.5, 1e-4, 0.2, 0.3, True).param_groups
    assert [group[name] for name in ORDER["optim.RMSprop"][1:7]] == [0.1, 0.5, 1e-4, 0.2, 0.3, True]
    y, *_ = F.batch_norm(X, np.float32([1, 2, 3]), np.float32([4, 4, 4]), np.float32([2, 2, 2]), np.float32([5, 5, 5]))
    np.testing.assert_allclose(y.data, 2 * (0.25 - np.float32([[1, 2, 3]] * 2)) / 2 + 5, rtol=1e-5)
    np.testing.assert_allclose(F.softmax(X, 0).data.sum(axis=0), 1, rtol=1e-6)
    np.testing.assert_array_equal(F.dropout(X, 0.5, False).data, X.data)


def test_against_pytorch() -> None:
    torch = pytest.importorskip("torch")
    places = {"nn": torch.nn, "F": torch.nn.functional, "optim": torch.optim, "init": torch.nn.init, "torch": torch}
    places |= {"utils": torch.nn.utils, "lr_scheduler": torch.optim.lr_scheduler}
    places["data"] = importlib.import_module("torch.utils.data")
    for name, expected in ORDER.items():
        place, *path = name.split(".")
        value = reduce(getattr, path, places[place])
        try:
            found = by_position(value)
        except ValueError:  # written in C: its documentation says
            (arguments,) = re.match(rf"\s*{path[-1]}\(([^*)]*)", value.__doc__).groups()
            found = re.findall(r"(\w+)(?:=[^,]*)?(?:, |$)", arguments)
        if found != ["*args"]:  # of a function that chooses between two
            assert found[: len(expected)] == expected, name
