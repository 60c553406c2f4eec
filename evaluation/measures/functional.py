"""funcsim's own measures, from its operators: recorded once for a network, compared for each pair."""

from dataclasses import dataclass

import funcsim
import torch
from torch import Tensor, nn

ops = torch.ops.funcsim


@dataclass(frozen=True)
class Signatures:
    """Of a network's hidden layers.

    Attributes:
        layers: uint8 ``[units, samples / 8]`` each.
        samples: Of each layer.
        partners: int64 ``[inputs]``: the shuffle behind chance levels.
    """

    layers: list[Tensor]
    samples: list[int]
    partners: Tensor


def signatures(model: nn.Sequential, inputs: Tensor) -> Signatures:
    """With funcsim's default options."""
    layers = ops.network_signatures(funcsim.describe(model), funcsim.parameters(model), inputs)
    samples = [len(inputs) * samples_per_input(layer, len(inputs)) for layer in layers]
    return Signatures(layers, samples, ops.shuffle_partners(inputs))


def samples_per_input(layer: Tensor, num_inputs: int) -> int:
    """1, or the 16 positions of a convolution's grid."""
    return 1 if layer.shape[1] == -(-num_inputs // 8) else 16


def score_and_chance(a: Signatures, b: Signatures, similarity: str = "jaccard") -> tuple[float, float]:
    """Of two networks, as ``funcsim.compare`` gives them."""
    results = ops.compare_layers(a.layers, b.layers, [], a.samples, b.samples, similarity, [], b.partners)
    score, chance, _ = results[4].tolist()
    return score, chance


def adjusted(score: float, chance: float) -> float:
    """The score on a scale where chance is 0."""
    return (score - chance) / (1 - chance) if chance < 1 else 1.0


def bits_cka(a: Signatures, b: Signatures) -> list[float]:
    """CKA of the bits, debiased, of each pair of layers."""
    return [
        float(ops.signature_cka(layer_a, layer_b, samples, True))
        for layer_a, layer_b, samples in zip(a.layers, b.layers, a.samples, strict=True)
    ]
