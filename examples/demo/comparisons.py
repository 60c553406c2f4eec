"""Which pairs the demo compares, and what it records of each."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import funcsim
from copies import largest_deviation, permuted_and_rescaled, pruned
from networks import Digits, accuracy, inputs_of
from torch import nn

SAME_FUNCTION_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Row:
    """A network of the demo compared with a partner."""

    family: str
    pair: str
    partner_accuracy: float
    seconds: float
    comparison: funcsim.Comparison

    @property
    def dead(self) -> tuple[int, int]:
        """Units that never fire, in either network."""
        layers = self.comparison.layers
        return sum(layer.dead_a for layer in layers), sum(layer.dead_b for layer in layers)


def _same_function(model: nn.Sequential, data: Digits) -> nn.Sequential:
    twin = permuted_and_rescaled(model)
    deviation = largest_deviation(model, twin, inputs_of(model, data))
    if deviation > SAME_FUNCTION_TOLERANCE:
        raise RuntimeError(
            f"the permuted and rescaled copy must compute the same function: its outputs deviate by {deviation:.1e}, "
            f"expected at most {SAME_FUNCTION_TOLERANCE:.0e}"
        )
    return twin


def _partners(family: str, networks: dict[str, nn.Sequential], data: Digits) -> Iterator[tuple[str, nn.Sequential]]:
    reference = networks[family]
    yield "itself", reference
    yield "permuted and rescaled copy", _same_function(reference, data)
    yield "next checkpoint", networks[f"{family}, next checkpoint"]
    if family == "mlp":
        yield "50 % of weights pruned", pruned(reference, 0.5)
        yield "90 % of weights pruned", pruned(reference, 0.9)
    for name in ("other seed", "width 96", "shuffled labels", "random"):
        if (partner := networks.get(f"{family}, {name}")) is not None:
            yield name, partner


def compare_all(networks: dict[str, nn.Sequential], data: Digits) -> Iterator[Row]:
    """Compares each family's reference with all its partners, on all images."""
    for family in ("mlp", "cnn"):
        reference = networks[family]
        inputs = inputs_of(reference, data)
        for name, partner in _partners(family, networks, data):
            methods = {"": "auto"}
            if name == "other seed":
                methods[", by MinHash"] = "minhash"
            for suffix, method in methods.items():
                start = time.perf_counter()
                comparison = funcsim.compare(reference, partner, inputs, method=method)
                seconds = time.perf_counter() - start
                yield Row(family, name + suffix, accuracy(partner, data), seconds, comparison)
