"""How each type of module is written: a function for every type that has hyper-parameters or tensors."""

from collections.abc import Callable
from typing import Any

from torch import nn

from .item_writer import ItemWriter

WriteModule = Callable[[Any, ItemWriter], None]


def _linear(module: nn.Linear, writer: ItemWriter) -> None:
    writer.required(
        writer.integer("in_features", module.in_features), writer.integer("out_features", module.out_features)
    )
    writer.optional("bias", module.bias is not None, True)
    writer.tensor("weight", module.weight)
    if module.bias is not None:
        writer.tensor("bias", module.bias)


def _conv(dimensions: int) -> WriteModule:
    def write(module: nn.Conv1d | nn.Conv2d | nn.Conv3d, writer: ItemWriter) -> None:
        writer.required(
            writer.integer("in_channels", module.in_channels),
            writer.integer("out_channels", module.out_channels),
            writer.integers("kernel_size", module.kernel_size, dimensions),
        )
        writer.optional("stride", writer.integers("stride", module.stride, dimensions), [1] * dimensions)
        if module.padding == "same":
            writer.optional("padding", "same")
        elif module.padding != "valid":
            writer.optional("padding", writer.integers("padding", module.padding, dimensions), [0] * dimensions)
        writer.optional("dilation", writer.integers("dilation", module.dilation, dimensions), [1] * dimensions)
        writer.optional("groups", writer.integer("groups", module.groups), 1)
        writer.optional("bias", module.bias is not None, True)
        writer.optional("padding_mode", module.padding_mode, "zeros")
        writer.tensor("weight", module.weight)
        if module.bias is not None:
            writer.tensor("bias", module.bias)

    return write


def _affine(module: nn.Module, writer: ItemWriter) -> None:
    """The weight and bias of a normalisation that has both or none."""
    writer.optional("affine", module.weight is not None, True)
    if module.weight is not None:
        if module.bias is None:
            writer.fail("has a weight and no bias, which descriptions can't say; give it a bias of zeros")
        writer.tensor("weight", module.weight)
        writer.tensor("bias", module.bias)


def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, writer: ItemWriter) -> None:
    if module.running_mean is None or module.running_var is None:
        writer.fail(
            "has no running statistics (track_running_stats=False), so its output depends on the batch; funcsim needs "
            "running statistics"
        )
    writer.required(writer.integer("num_features", module.num_features))
    writer.optional("eps", writer.number("eps", module.eps), 1e-5)
    _affine(module, writer)
    writer.tensor("running_mean", module.running_mean)
    writer.tensor("running_var", module.running_var)


def _layer_norm(module: nn.LayerNorm, writer: ItemWriter) -> None:
    shape = module.normalized_shape
    is_affine = module.weight is not None
    writer.required(writer.integers("normalized_shape", shape, len(shape)))
    writer.optional("eps", writer.number("eps", module.eps), 1e-5)
    writer.optional("elementwise_affine", is_affine, True)
    writer.optional("bias", module.bias is not None, is_affine)
    if is_affine:
        writer.tensor("weight", module.weight)
    if module.bias is not None:
        writer.tensor("bias", module.bias)


def _rms_norm(module: nn.RMSNorm, writer: ItemWriter) -> None:
    shape = module.normalized_shape
    writer.required(writer.integers("normalized_shape", shape, len(shape)))
    if module.eps is not None:
        writer.optional("eps", writer.number("eps", module.eps))
    writer.optional("elementwise_affine", module.weight is not None, True)
    if module.weight is not None:
        writer.tensor("weight", module.weight)


def _group_norm(module: nn.GroupNorm, writer: ItemWriter) -> None:
    writer.required(
        writer.integer("num_groups", module.num_groups), writer.integer("num_channels", module.num_channels)
    )
    writer.optional("eps", writer.number("eps", module.eps), 1e-5)
    _affine(module, writer)


def _prelu(module: nn.PReLU, writer: ItemWriter) -> None:
    writer.optional("num_parameters", writer.integer("num_parameters", module.num_parameters), 1)
    writer.tensor("weight", module.weight)


def _pool(dimensions: int) -> WriteModule:
    def write(module: Any, writer: ItemWriter) -> None:
        if getattr(module, "return_indices", False):
            writer.fail("has return_indices=True, so its output is no tensor")
        kernel_size = writer.integers("kernel_size", module.kernel_size, dimensions)
        stride = kernel_size if module.stride in (None, (), []) else module.stride
        writer.required(kernel_size)
        writer.optional("stride", writer.integers("stride", stride, dimensions), kernel_size)
        writer.optional("padding", writer.integers("padding", module.padding, dimensions), [0] * dimensions)
        if hasattr(module, "dilation"):
            writer.optional("dilation", writer.integers("dilation", module.dilation, dimensions), [1] * dimensions)
        writer.optional("ceil_mode", bool(module.ceil_mode), False)
        if hasattr(module, "count_include_pad"):
            writer.optional("count_include_pad", bool(module.count_include_pad), True)
        if getattr(module, "divisor_override", None) is not None:
            writer.optional("divisor_override", writer.integer("divisor_override", module.divisor_override))

    return write


def _adaptive_pool(dimensions: int) -> WriteModule:
    def write(module: Any, writer: ItemWriter) -> None:
        if getattr(module, "return_indices", False):
            writer.fail("has return_indices=True, so its output is no tensor")
        size = module.output_size
        sizes = [-1 if s is None else s for s in size] if isinstance(size, tuple | list) else size
        writer.required(writer.integers("output_size", sizes, dimensions))

    return write


def _flatten(module: nn.Flatten, writer: ItemWriter) -> None:
    writer.optional("start_dim", writer.integer("start_dim", module.start_dim), 1)
    writer.optional("end_dim", writer.integer("end_dim", module.end_dim), -1)


def _unflatten(module: nn.Unflatten, writer: ItemWriter) -> None:
    if isinstance(module.dim, str):
        writer.fail(f"unflattens a named dimension, {module.dim!r}; give the dimension as a number")
    sizes = module.unflattened_size
    writer.required(
        writer.integer("dim", module.dim), writer.integers("unflattened_size", tuple(sizes), len(tuple(sizes)))
    )


def _zero_pad(dimensions: int) -> WriteModule:
    def write(module: nn.ZeroPad1d | nn.ZeroPad2d | nn.ZeroPad3d, writer: ItemWriter) -> None:
        writer.required(writer.integers("padding", module.padding, 2 * dimensions))

    return write


def _upsample(module: nn.Upsample, writer: ItemWriter) -> None:
    size, scale = module.size, module.scale_factor
    if size is not None:
        sizes = size if isinstance(size, tuple | list) else (size,)
        writer.optional("size", writer.integers("size", tuple(sizes), len(sizes)))
    if scale is not None:
        scales = scale if isinstance(scale, tuple | list) else (scale,)
        writer.optional("scale_factor", [writer.number("scale_factor", factor) for factor in scales])
    writer.optional("mode", module.mode, "nearest")
    writer.optional("align_corners", bool(module.align_corners), False)
    writer.optional("recompute_scale_factor", bool(module.recompute_scale_factor), False)


def _numbers(**usual: float) -> WriteModule:
    """For a module that has these numbers, with these defaults."""

    def write(module: nn.Module, writer: ItemWriter) -> None:
        for name, default in usual.items():
            writer.optional(name, writer.number(name, getattr(module, name)), default)

    return write


def _gelu(module: nn.GELU, writer: ItemWriter) -> None:
    writer.optional("approximate", module.approximate, "none")


def _softmax(module: nn.Softmax | nn.LogSoftmax, writer: ItemWriter) -> None:
    if module.dim is None:
        writer.fail("has dim=None, which lets PyTorch guess; give the dimension")
    writer.required(writer.integer("dim", module.dim))


def _plain(module: nn.Module, writer: ItemWriter) -> None:
    """A module that is its name and nothing more: what options it has don't change what it computes in eval mode."""


# In the order of docs/architecture.md.
WRITERS: dict[type[nn.Module], WriteModule] = {
    nn.Linear: _linear,
    nn.Conv1d: _conv(1),
    nn.Conv2d: _conv(2),
    nn.Conv3d: _conv(3),
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
    nn.GroupNorm: _group_norm,
    nn.ReLU: _plain,
    nn.Identity: _plain,
    nn.Dropout: _plain,
    nn.Dropout1d: _plain,
    nn.Dropout2d: _plain,
    nn.Dropout3d: _plain,
    nn.AlphaDropout: _plain,
    nn.FeatureAlphaDropout: _plain,
    nn.LeakyReLU: _numbers(negative_slope=0.01),
    nn.PReLU: _prelu,
    nn.MaxPool1d: _pool(1),
    nn.MaxPool2d: _pool(2),
    nn.MaxPool3d: _pool(3),
    nn.AvgPool1d: _pool(1),
    nn.AvgPool2d: _pool(2),
    nn.AvgPool3d: _pool(3),
    nn.AdaptiveAvgPool1d: _adaptive_pool(1),
    nn.AdaptiveAvgPool2d: _adaptive_pool(2),
    nn.AdaptiveAvgPool3d: _adaptive_pool(3),
    nn.AdaptiveMaxPool1d: _adaptive_pool(1),
    nn.AdaptiveMaxPool2d: _adaptive_pool(2),
    nn.AdaptiveMaxPool3d: _adaptive_pool(3),
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
    nn.ZeroPad1d: _zero_pad(1),
    nn.ZeroPad2d: _zero_pad(2),
    nn.ZeroPad3d: _zero_pad(3),
    nn.Upsample: _upsample,
    nn.UpsamplingNearest2d: _upsample,
    nn.UpsamplingBilinear2d: _upsample,
    nn.ReLU6: _plain,
    nn.SELU: _plain,
    nn.SiLU: _plain,
    nn.Mish: _plain,
    nn.Tanh: _plain,
    nn.Sigmoid: _plain,
    nn.Hardswish: _plain,
    nn.Hardsigmoid: _plain,
    nn.Hardtanh: _numbers(min_val=-1.0, max_val=1.0),
    nn.ELU: _numbers(alpha=1.0),
    nn.CELU: _numbers(alpha=1.0),
    nn.GELU: _gelu,
    nn.Softplus: _numbers(beta=1.0, threshold=20.0),
    nn.Softmax: _softmax,
    nn.LogSoftmax: _softmax,
}

# Types that are written under another name.
ALIASES: dict[type[nn.Module], str] = {nn.UpsamplingNearest2d: "Upsample", nn.UpsamplingBilinear2d: "Upsample"}
