"""Networks that between them hold every layer type and option that funcsim supports."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from .hooks import AFFINE, BATCH_NORM, leaves, module_outputs

BATCH = 12


@dataclass(frozen=True)
class Network:
    """A network builder with the shape of one input."""

    name: str
    build: Callable[[], nn.Sequential]
    shape: tuple[int, ...]

    def make(self, seed: int, dtype: torch.dtype = torch.float64) -> tuple[nn.Sequential, torch.Tensor]:
        """The network in eval mode with all parameters and statistics drawn anew, and a batch of inputs."""
        generator = torch.Generator().manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.build().double().eval()
        randomise(model, generator)
        inputs = torch.randn(BATCH, *self.shape, generator=generator, dtype=torch.float64)
        return model.to(dtype), inputs.to(dtype)


def randomise(model: nn.Module, generator: torch.Generator) -> None:
    """Normal weights (of unit gain, rows of very different norms), norm weights of both signs, positive variances."""

    def normal(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator, dtype=like.dtype)

    with torch.no_grad():
        for module in dict.fromkeys(leaves(model)):
            if isinstance(module, AFFINE):
                rows = normal(module.weight.flatten(1)[:, 0]).exp().reshape(-1, *[1] * (module.weight.dim() - 1))
                module.weight.copy_(normal(module.weight) / module.weight[0].numel() ** 0.5 * rows)
                if module.bias is not None:
                    module.bias.copy_(normal(module.bias) * 0.3)
            elif isinstance(module, nn.PReLU):
                module.weight.copy_(normal(module.weight) * 0.3)
            else:
                for parameter in module.parameters(recurse=False):
                    parameter.copy_(normal(parameter))
            if isinstance(module, BATCH_NORM):
                module.running_mean.copy_(normal(module.running_mean) * 0.5)
                module.running_var.copy_(normal(module.running_var).exp())


def make_integer_valued(model: nn.Module, generator: torch.Generator) -> None:
    """Small integers for weights; slopes of 1/4; BatchNorms that scale by exact powers of two (eps is lost)."""

    def integers(like: torch.Tensor, low: int, high: int) -> torch.Tensor:
        return torch.randint(low, high + 1, like.shape, generator=generator).to(like.dtype)

    with torch.no_grad():
        for module in dict.fromkeys(leaves(model)):
            if isinstance(module, nn.PReLU):
                module.weight.fill_(0.25)
                continue
            for parameter in module.parameters(recurse=False):
                parameter.copy_(integers(parameter, -2, 2))
            if isinstance(module, BATCH_NORM):
                module.eps = 1e-300
                module.running_mean.copy_(integers(module.running_mean, -3, 3))
                module.running_var.copy_(4.0 ** integers(module.running_var, -1, 1))


def _seq(*modules: nn.Module) -> nn.Sequential:
    return nn.Sequential(*modules)


def _around(activation: Callable[[], nn.Module], shape: tuple[int, ...] = (7,)) -> Callable[[], nn.Sequential]:
    return lambda: _seq(nn.Linear(shape[-1], 9), activation(), nn.Linear(9, 6), activation(), nn.Linear(6, 3))


def _conv1d() -> nn.Sequential:
    return _seq(
        nn.Conv1d(3, 6, 3, padding="same", dilation=2, padding_mode="reflect"),
        nn.BatchNorm1d(6),
        nn.ReLU(),
        nn.MaxPool1d(3, 2, padding=1),
        nn.Conv1d(6, 4, 3, stride=2, padding=1, groups=2, bias=False),
        nn.BatchNorm1d(4, affine=False),
        nn.LeakyReLU(0.2),
        nn.Conv1d(4, 5, 2, padding="same"),
        nn.PReLU(5),
        nn.AvgPool1d(2, padding=1, count_include_pad=False),
        nn.Flatten(),
        nn.Linear(15, 8),
        nn.ReLU(),
        nn.Linear(8, 2),
    )


def _conv2d() -> nn.Sequential:
    return _seq(
        nn.Conv2d(2, 6, (3, 2), stride=(1, 2), padding=(1, 0)),
        nn.BatchNorm2d(6),
        nn.Identity(),
        nn.ReLU(inplace=True),
        nn.Dropout2d(0.4),
        nn.MaxPool2d(2, stride=1, dilation=2, ceil_mode=True),
        nn.Conv2d(6, 6, 3, padding=1, groups=3, padding_mode="circular"),
        nn.PReLU(),
        nn.AvgPool2d((2, 1), stride=1, divisor_override=3),
        nn.Conv2d(6, 4, (2, 1), dilation=(2, 1), padding=(2, 1), padding_mode="replicate", bias=False),
        nn.Dropout(),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(6),
        nn.ReLU(),
        nn.Linear(6, 3),
        nn.ReLU(),
    )


def _conv3d() -> nn.Sequential:
    return _seq(
        nn.Conv3d(2, 4, (1, 3, 2), padding="same"),
        nn.BatchNorm3d(4),
        nn.LeakyReLU(),
        nn.MaxPool3d((1, 2, 2), padding=(0, 1, 1)),
        nn.Conv3d(4, 4, 2, stride=(1, 1, 2), padding=(1, 0, 1), groups=4, padding_mode="zeros"),
        nn.Dropout3d(),
        nn.ReLU(),
        nn.AvgPool3d(2, stride=1, ceil_mode=True, count_include_pad=False),
        nn.ZeroPad3d((1, 0, 0, 1, 2, 0)),
        nn.Conv3d(4, 3, 2, padding_mode="circular", padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool3d((2, None, 1)),
        nn.Flatten(),
        nn.LazyLinear(5),
        nn.ReLU(),
        nn.Linear(5, 2),
    )


def _upsampling_1d() -> nn.Sequential:
    return _seq(
        nn.Conv1d(2, 4, 3),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv1d(4, 4, 3),
        nn.ReLU(),
        nn.Upsample(size=9, mode="linear", align_corners=True),
        nn.ZeroPad1d((2, 1)),
        nn.Conv1d(4, 3, 4, stride=2, padding_mode="reflect", padding=1),
        nn.ReLU(),
        nn.Upsample(size=11, mode="nearest-exact"),
        nn.AdaptiveAvgPool1d(4),
        nn.Conv1d(3, 4, 1),
        nn.ReLU(),
        nn.AdaptiveMaxPool1d(2),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


def _upsampling_2d() -> nn.Sequential:
    return _seq(
        nn.ZeroPad2d((1, 2, 0, 1)),
        nn.Conv2d(1, 3, 2),
        nn.ReLU(),
        nn.Upsample(scale_factor=(1.5, 2.0), mode="bilinear"),
        nn.Conv2d(3, 4, 3),
        nn.ReLU(),
        nn.Upsample(size=(7, 6), mode="bicubic", align_corners=True),
        nn.Conv2d(4, 4, 2),
        nn.ReLU(),
        nn.UpsamplingNearest2d(size=(5, 4)),
        nn.Conv2d(4, 3, 2),
        nn.ReLU(),
        nn.UpsamplingBilinear2d(scale_factor=2),
        nn.Upsample(scale_factor=1.3, mode="bicubic", recompute_scale_factor=True),
        nn.AdaptiveMaxPool2d((3, 2)),
        nn.Flatten(1, 2),
        nn.Unflatten(1, (3, 3)),
        nn.Flatten(start_dim=-3),
        nn.Linear(18, 4),
        nn.ReLU(),
        nn.Linear(4, 2),
    )


def _upsampling_3d() -> nn.Sequential:
    return _seq(
        nn.Conv3d(1, 3, 2),
        nn.ReLU(),
        nn.Upsample(scale_factor=2, mode="trilinear"),
        nn.Conv3d(3, 3, 2),
        nn.ReLU(),
        nn.Upsample(scale_factor=(1.0, 2.0, 1.0), mode="nearest-exact"),
        nn.AdaptiveAvgPool3d((2, 2, None)),
        nn.Conv3d(3, 2, 1),
        nn.ReLU(),
        nn.Flatten(),
        nn.LazyLinear(3),
    )


def _norms() -> nn.Sequential:
    return _seq(
        nn.Linear(6, 8),
        nn.LayerNorm(8),
        nn.GELU(),
        nn.Linear(8, 8, bias=False),
        nn.Dropout(),
        nn.RMSNorm(8),
        nn.SiLU(),
        nn.Linear(8, 7),
        nn.LayerNorm(7, eps=1e-3, bias=False),
        nn.ReLU(),
        nn.Linear(7, 6),
        nn.RMSNorm(6, eps=1e-2, elementwise_affine=False),
        nn.LeakyReLU(),
        nn.Linear(6, 8),
        nn.GroupNorm(4, 8),
        nn.ReLU(),
        nn.Linear(8, 5),
        nn.BatchNorm1d(5),
        nn.LayerNorm(5, elementwise_affine=False),
        nn.ReLU(),
        nn.Linear(5, 3),
        nn.BatchNorm1d(3),
        nn.Softmax(1),
    )


def _group_norm_conv() -> nn.Sequential:
    return _seq(
        nn.Conv2d(2, 6, 3),
        nn.GroupNorm(3, 6, affine=False),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Conv2d(6, 4, 2),
        nn.LayerNorm([4, 2, 2]),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(16, 5),
        nn.LogSoftmax(dim=-1),
        nn.Linear(5, 2),
    )


def _batch_norm_elsewhere() -> nn.Sequential:
    return _seq(
        nn.BatchNorm2d(2),
        nn.Conv2d(2, 5, 3),
        nn.ReLU(),
        nn.BatchNorm2d(5),
        nn.MaxPool2d(2),
        nn.Conv2d(5, 4, 2, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.BatchNorm1d(4),
        nn.Tanh(),
        nn.Linear(4, 6),
        nn.ReLU(),
        nn.BatchNorm1d(6, affine=False),
        nn.Linear(6, 6),
        nn.ReLU(),
        nn.BatchNorm1d(6),
        nn.BatchNorm1d(6),
        nn.Linear(6, 4),
        nn.BatchNorm1d(4, affine=False, eps=0.1),
        nn.ReLU(),
        nn.Linear(4, 2),
        nn.BatchNorm1d(2),
    )


def _two_batch_norms() -> nn.Sequential:
    return _seq(
        nn.Linear(7, 16),
        nn.BatchNorm1d(16),
        nn.Dropout(),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 9, bias=False),
        nn.BatchNorm1d(9, affine=False),
        nn.BatchNorm1d(9),
        nn.LeakyReLU(),
        nn.Linear(9, 2),
    )


def _flattened_batch_norm() -> nn.Sequential:
    return _seq(
        nn.Conv2d(1, 3, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.BatchNorm1d(12),
        nn.Linear(12, 5),
        nn.ReLU(),
        nn.Linear(5, 2),
    )


def _tokens() -> nn.Sequential:
    return _seq(
        nn.Linear(4, 6),
        nn.ReLU(),
        nn.Linear(6, 5),
        nn.PReLU(),
        nn.Dropout1d(),
        nn.Linear(5, 5, bias=False),
        nn.LayerNorm(5),
        nn.GELU(approximate="tanh"),
        nn.Linear(5, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(9, 4),
        nn.ReLU(),
        nn.Linear(4, 2),
    )


def _nested() -> nn.Sequential:
    relu = nn.ReLU()
    return _seq(
        nn.Unflatten(1, (2, 3, 3)),
        _seq(nn.Conv2d(2, 4, 2), relu),
        _seq(_seq(nn.Dropout2d(), nn.Identity()), nn.Conv2d(4, 4, 1, groups=4), relu),
        nn.Flatten(),
        _seq(nn.Linear(16, 5), nn.AlphaDropout(), nn.BatchNorm1d(5), relu),
        nn.FeatureAlphaDropout(),
        nn.Linear(5, 5),
        relu,
        nn.Linear(5, 1),
    )


def _wide_mlp() -> nn.Sequential:
    return _seq(
        nn.Linear(10, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 12, bias=False),
        nn.PReLU(12),
        nn.Linear(12, 14, bias=False),
        nn.BatchNorm1d(14),
        nn.LeakyReLU(0.5),
        nn.Linear(14, 4),
    )


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "PReLU": nn.PReLU,
    "Identity": nn.Identity,
    "ReLU6": nn.ReLU6,
    "Hardtanh": lambda: nn.Hardtanh(-0.3, 0.7),
    "ELU": lambda: nn.ELU(0.7),
    "SELU": nn.SELU,
    "CELU": lambda: nn.CELU(1.3),
    "GELU": nn.GELU,
    "GELU-tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU,
    "Mish": nn.Mish,
    "Softplus": lambda: nn.Softplus(2.0, 1.5),
    "Tanh": nn.Tanh,
    "Sigmoid": nn.Sigmoid,
    "Hardswish": nn.Hardswish,
    "Hardsigmoid": nn.Hardsigmoid,
    "Softmax": lambda: nn.Softmax(1),
    "LogSoftmax": lambda: nn.LogSoftmax(1),
}

NETWORKS: list[Network] = [
    Network("mlp", _wide_mlp, (10,)),
    Network("conv1d", _conv1d, (3, 16)),
    Network("conv2d", _conv2d, (2, 7, 8)),
    Network("conv3d", _conv3d, (2, 3, 4, 5)),
    Network("upsampling-1d", _upsampling_1d, (2, 7)),
    Network("upsampling-2d", _upsampling_2d, (1, 5, 4)),
    Network("upsampling-3d", _upsampling_3d, (1, 3, 3, 3)),
    Network("norms", _norms, (6,)),
    Network("group-norm-conv", _group_norm_conv, (2, 7, 6)),
    Network("batch-norm-elsewhere", _batch_norm_elsewhere, (2, 6, 6)),
    Network("two-batch-norms", _two_batch_norms, (7,)),
    Network("flattened-batch-norm", _flattened_batch_norm, (1, 4, 4)),
    Network("tokens", _tokens, (3, 4)),
    Network("nested", _nested, (18,)),
    *(Network(name, _around(activation), (7,)) for name, activation in ACTIVATIONS.items()),
]


def _initialised(network: Network) -> Network:
    """Lazy layers get their sizes from one forward pass at build time."""

    def build() -> nn.Sequential:
        model = network.build()
        module_outputs(model, torch.zeros(2, *network.shape))
        return model

    return Network(network.name, build, network.shape)


NETWORKS = [
    _initialised(network) if network.name.startswith(("conv", "upsampling")) else network for network in NETWORKS
]

INTEGER_NETWORKS = [
    network
    for network in NETWORKS
    if network.name in {"mlp", "ReLU", "LeakyReLU", "PReLU", "Identity", "flattened-batch-norm", "nested"}
]
