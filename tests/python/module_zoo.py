"""Modules that aren't Sequentials."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


class Wrapped(nn.Module):
    """Runs a network within: read by hooks, whatever the network is."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@dataclass
class Outputs:
    """What some models give."""

    logits: Tensor
    hidden: Tensor


class Encoder(nn.Module):
    """Words, PyTorch's transformer, a class for each text."""

    def __init__(self, *, batch_first: bool = True, words: int = 50):
        super().__init__()
        self.embedding = nn.Embedding(words, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 24, batch_first=batch_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=batch_first)
        self.head = nn.Linear(16, 3)
        self.batch_first = batch_first

    def forward(self, src: Tensor, src_key_padding_mask: Tensor | None = None) -> Outputs:
        hidden = self.embedding(src)
        if not self.batch_first:
            hidden = hidden.transpose(0, 1)
        hidden = self.encoder(hidden, src_key_padding_mask=src_key_padding_mask)
        if not self.batch_first:
            hidden = hidden.transpose(0, 1)
        return Outputs(self.head(hidden.mean(dim=1)), hidden)


class Block(nn.Module):
    """conv, norm, relu, conv, norm, and around them."""

    def __init__(self, channels: int, inplace: bool = True):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.conv2(y)
        y += x  # in place: what conv2 gave is there no longer
        return self.relu(y)


class Residual(nn.Module):
    """Two blocks and a head."""

    def __init__(self, *, inplace: bool = True):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.blocks = nn.ModuleList(Block(8, inplace) for _ in range(2))
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return {"out": self.head(x.mean(dim=(2, 3)))}


class Repeated(nn.Module):
    """One layer that runs three times, and a head with the weight of another layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6)
        self.shared = nn.Linear(6, 6)
        self.alias = self.shared
        self.second = nn.Linear(6, 6)
        self.second.weight = self.first.weight
        self.unused = nn.Linear(6, 6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Any]]:
        x = self.first(x).relu()
        for _ in range(3):
            x = self.shared(x).relu()
        return self.head(self.second(x).relu()), []


class Windows(nn.Module):
    """Linear layers on windows of a sequence that share the axis of inputs, in either order."""

    def __init__(self, *, inputs_first: bool):
        super().__init__()
        self.inputs_first = inputs_first
        self.one = nn.Linear(5, 7)
        self.two = nn.Linear(7, 7)
        self.head = nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        count = len(x)
        windows = x.reshape(count, 4, 3, 5)
        if not self.inputs_first:
            windows = windows.transpose(0, 1)
        y = self.two(self.one(windows.reshape(count * 4, 3, 5)).relu())
        shape = (count, 4, 3, 7) if self.inputs_first else (4, count, 3, 7)
        y = y.reshape(shape)
        return self.head(y if self.inputs_first else y.transpose(0, 1))


class Norms(nn.Module):
    """Layers whose outputs go to a normalisation, to one after something else, or to several."""

    def __init__(self) -> None:
        super().__init__()
        self.direct = nn.Linear(6, 6)
        self.direct_norm = nn.LayerNorm(6)
        self.second_norm = nn.LayerNorm(6)
        self.added = nn.Linear(6, 6)
        self.added_norm = nn.LayerNorm(6)
        self.changed = nn.Linear(6, 6)
        self.changed_norm = nn.LayerNorm(6)
        self.dropped = nn.Linear(6, 6)
        self.dropout = nn.Dropout(0.5)
        self.own_norm = OwnRMSNorm(6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second_norm(self.direct_norm(self.direct(x))).relu()
        x = self.added_norm(self.added(x) + x).relu()
        y = self.changed(x)
        y.mul_(-1)
        x = self.changed_norm(y).relu()
        x = self.own_norm(hidden_states=self.dropout(self.dropped(x))).relu()
        return self.head(x)


class OwnRMSNorm(nn.Module):
    """A normalisation that PyTorch doesn't know, as libraries of models have."""

    def __init__(self, size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(size))

    def forward(self, hidden_states: Tensor) -> Tensor:
        return hidden_states * torch.rsqrt(hidden_states.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Loops(nn.Module):
    """Runs its layer as often as the numbers say."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        while bool(x.sum() > 0):
            x = self.layer(x) - 1
        return x
