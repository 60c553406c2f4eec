"""Functions of ATen, and the modules that call them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

Arguments = dict[str, Any]
# What a module is made with, or None where it can't be one.
Maker = Callable[[Arguments], nn.Module | None]

# Under this the axes of the first argument are told, 0 where that isn't known.
DIMENSIONS = "(dimensions)"
AFFINE_FUNCTIONS = ("linear", "conv1d", "conv2d", "conv3d", "convolution", "_convolution", "_convolution_mode")


def name_of(node: fx.Node) -> str:
    """The name of the function that a node calls, without what distinguishes its overloads and in-place forms."""
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        name = target._schema.name
    elif isinstance(target, torch._ops.OpOverloadPacket):
        name = target._qualified_op_name
    else:
        return ""
    return str(name).removeprefix("aten::").removesuffix("_")


def module_of(node: fx.Node, owner: nn.Module) -> nn.Module | None:
    """The module that does what a node does, or None.

    Args:
        node: Calls a function. Its weights are attributes of ``owner``.
        owner: Holds the weights.
    """
    maker = MAKERS.get(name_of(node))
    arguments = _arguments(node, owner)
    if maker is None or arguments is None:
        return None
    module = maker(arguments)
    return None if module is None else module.eval()


def _arguments(node: fx.Node, owner: nn.Module) -> Arguments | None:
    """The arguments by name, weights as tensors, but the first; None where another one is computed."""
    schema = _schema(node)
    if schema is None or not node.args or not isinstance(node.args[0], fx.Node):
        return None
    values: Arguments = {}
    given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False)) | node.kwargs
    for place, argument in enumerate(schema.arguments):
        if place == 0:
            continue
        value = given.get(argument.name, argument.default_value if argument.has_default_value() else None)
        if isinstance(value, fx.Node):
            if value.op != "get_attr":
                return None
            value = _attribute(owner, str(value.target))
        elif isinstance(value, list | tuple) and any(isinstance(part, fx.Node) for part in value):
            return None
        values[argument.name] = value
    values[DIMENSIONS] = _dimensions(node.args[0], owner)
    return values


def _dimensions(node: Any, owner: nn.Module) -> int:
    """How many axes a tensor has, by what is known of it or by the convolution or Linear that it comes from; else 0."""
    while isinstance(node, fx.Node) and node.op == "call_function":
        if isinstance(value := node.meta.get("val"), Tensor):
            return value.dim()
        name = name_of(node)
        weight = node.args[1] if len(node.args) > 1 else None
        if isinstance(weight, fx.Node) and weight.op == "get_attr" and name in AFFINE_FUNCTIONS:
            return int(_attribute(owner, str(weight.target)).dim())
        if name == "flatten" or name not in (*MAKERS, "add"):
            return 2 if node.args[1:3] == (1, -1) else 0
        node = node.args[0]
    return 0


def _schema(node: fx.Node) -> torch.FunctionSchema | None:
    target = node.target
    if isinstance(target, torch._ops.OpOverload):
        return target._schema
    if isinstance(target, torch._ops.OpOverloadPacket):
        # Of the overloads the one with so many arguments, which the names here decide well enough.
        schemas = [getattr(target, overload)._schema for overload in target.overloads()]
        return next((schema for schema in schemas if len(schema.arguments) >= len(node.args)), None)
    return None


def _attribute(owner: nn.Module, target: str) -> Any:
    found: Any = owner
    for part in target.split("."):
        found = getattr(found, part)
    return found


def _with_tensors(module: nn.Module, **tensors: Tensor | None) -> nn.Module:
    """A module with these very tensors."""
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        if name in module._buffers:
            module._buffers[name] = tensor
        else:
            shared = tensor if isinstance(tensor, nn.Parameter) else nn.Parameter(tensor, tensor.is_floating_point())
            module.register_parameter(name, shared)
    return module


def _linear(given: Arguments) -> nn.Module | None:
    weight = given["weight"]
    if not isinstance(weight, Tensor) or weight.dim() != 2:
        return None
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=given["bias"] is not None, device="meta")
    return _with_tensors(module, weight=weight, bias=given["bias"])


CONVOLUTIONS = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}


def _convolution(given: Arguments) -> nn.Module | None:
    weight = given["weight"]
    if not isinstance(weight, Tensor) or weight.dim() not in CONVOLUTIONS or given.get("transposed"):
        return None
    sizes = weight.dim() - 2

    def of_each_axis(value: Any) -> Any:  # a number is for all
        if isinstance(value, str):
            return value
        numbers = [value] if isinstance(value, int) else list(value)
        return tuple(numbers * sizes if len(numbers) == 1 else numbers)

    module = CONVOLUTIONS[weight.dim()](
        weight.shape[1] * given["groups"],
        weight.shape[0],
        of_each_axis(weight.shape[2:]),
        stride=of_each_axis(given["stride"]),
        padding=of_each_axis(given["padding"]),
        dilation=of_each_axis(given["dilation"]),
        groups=given["groups"],
        bias=given["bias"] is not None,
        device="meta",
    )
    return _with_tensors(module, weight=weight, bias=given["bias"])


BATCH_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


def _batch_norm(given: Arguments) -> nn.Module | None:
    mean, variance, kind = given["running_mean"], given["running_var"], BATCH_NORMS.get(given[DIMENSIONS])
    if given.get("training") or not isinstance(mean, Tensor) or kind is None:
        return None
    weight, bias = given["weight"], given["bias"]
    module = kind(len(mean), eps=given["eps"], affine=weight is not None, device="meta")
    module.num_batches_tracked = torch.zeros((), dtype=torch.int64)
    return _with_tensors(module, weight=weight, bias=bias, running_mean=mean, running_var=variance)


def _layer_norm(given: Arguments) -> nn.Module | None:
    affine = given["weight"] is not None
    module = nn.LayerNorm(
        given["normalized_shape"],
        eps=given["eps"],
        elementwise_affine=affine,
        bias=given["bias"] is not None,
        device="meta",
    )
    return _with_tensors(module, weight=given["weight"], bias=given["bias"])


def _group_norm(given: Arguments) -> nn.Module | None:
    weight = given["weight"]
    if weight is None:
        return None
    module = nn.GroupNorm(given["num_groups"], len(weight), eps=given["eps"], device="meta")
    return _with_tensors(module, weight=weight, bias=given["bias"])


def _pool(kind: type[nn.Module], *names: str) -> Maker:
    """A pooling module with options that the function has as well, and with no others."""

    def make(given: Arguments) -> nn.Module | None:
        if given.get("divisor_override") is not None:
            return None
        options = {name: given[name] for name in names if given.get(name) not in (None, [])}
        sizes = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
        return kind(**sizes)

    return make


def _elementwise(kind: type[nn.Module], **names: str) -> Maker:
    """A module whose options are arguments of the function."""

    def make(given: Arguments) -> nn.Module:
        return kind(**{option: given[argument] for option, argument in names.items()})

    return make


def _prelu(given: Arguments) -> nn.Module | None:
    weight = given["weight"]
    return _with_tensors(nn.PReLU(weight.numel(), device="meta"), weight=weight) if isinstance(weight, Tensor) else None


def _dropout(given: Arguments) -> nn.Module | None:
    return None if given["train"] else nn.Dropout(given["p"])


def _elu(given: Arguments) -> nn.Module | None:
    return nn.ELU(given["alpha"]) if given["scale"] == given["input_scale"] == 1 else None


def _softplus(given: Arguments) -> nn.Module:
    return nn.Softplus(given["beta"], given["threshold"])


def _softmax(kind: type[nn.Module]) -> Maker:
    return lambda given: None if given["dtype"] is not None else kind(given["dim"])


def _adaptive(kind: type[nn.Module]) -> Maker:
    return lambda given: kind(tuple(given["output_size"]))


MAX = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
AVERAGE = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")

MAKERS: dict[str, Maker] = {
    "linear": _linear,
    **dict.fromkeys(AFFINE_FUNCTIONS[1:], _convolution),
    "batch_norm": _batch_norm,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "relu": _elementwise(nn.ReLU),
    "relu6": _elementwise(nn.ReLU6),
    "leaky_relu": _elementwise(nn.LeakyReLU, negative_slope="negative_slope"),
    "prelu": _prelu,
    "elu": _elu,
    "selu": _elementwise(nn.SELU),
    "gelu": _elementwise(nn.GELU, approximate="approximate"),
    "silu": _elementwise(nn.SiLU),
    "mish": _elementwise(nn.Mish),
    "softplus": _softplus,
    "tanh": _elementwise(nn.Tanh),
    "sigmoid": _elementwise(nn.Sigmoid),
    "hardtanh": _elementwise(nn.Hardtanh, min_val="min_val", max_val="max_val"),
    "hardswish": _elementwise(nn.Hardswish),
    "hardsigmoid": _elementwise(nn.Hardsigmoid),
    **dict.fromkeys(("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"), _dropout),
    "flatten": _elementwise(nn.Flatten, start_dim="start_dim", end_dim="end_dim"),
    "softmax": _softmax(nn.Softmax),
    "log_softmax": _softmax(nn.LogSoftmax),
    "max_pool1d": _pool(nn.MaxPool1d, *MAX),
    "max_pool2d": _pool(nn.MaxPool2d, *MAX),
    "max_pool3d": _pool(nn.MaxPool3d, *MAX),
    "avg_pool1d": _pool(nn.AvgPool1d, *AVERAGE),
    "avg_pool2d": _pool(nn.AvgPool2d, *AVERAGE),
    "avg_pool3d": _pool(nn.AvgPool3d, *AVERAGE),
    "adaptive_avg_pool1d": _adaptive(nn.AdaptiveAvgPool1d),
    "adaptive_avg_pool2d": _adaptive(nn.AdaptiveAvgPool2d),
    "adaptive_avg_pool3d": _adaptive(nn.AdaptiveAvgPool3d),
}
