"""How far to trust a score: its interval over inputs, its p-value against shuffled inputs, and CKA beside it."""

import numbers
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from .progress import Progress
from .reading.layer_evidence import Evidence
from .settings import checked_flag, checked_integer
from .shuffle_sources import shuffle_sources

ops = torch.ops.funcsim

REPLICATES = 1000
MOST_SHUFFLES = 1 << 24

Interval = tuple[float, float]


@dataclass(frozen=True)
class Extras:
    """What a comparison is asked for beside its scores.

    Attributes:
        cka: Linear CKA of the layers.
        interval: Confidence of the intervals of scores, above 0 and below 1; None for none.
        shuffles: Shuffles behind p-values; 0 for none.
        seed: Of draws and shuffles.
    """

    cka: bool
    interval: float | None
    shuffles: int
    seed: int

    @property
    def needing_signatures(self) -> str | None:
        """The name of an option that was asked for and takes signatures, if there is one."""
        asked = {"cka": self.cka, "interval": self.interval is not None, "shuffles": self.shuffles > 0}
        return next((name for name, is_asked in asked.items() if is_asked), None)


NO_EXTRAS = Extras(cka=False, interval=None, shuffles=0, seed=0)


def checked_extras(cka: object, interval: object, shuffles: object, seed: int | None) -> Extras:
    """Extras within their ranges.

    Raises:
        TypeError, ValueError: Says what was expected and what came.
    """
    if interval is not None:
        if not isinstance(interval, numbers.Real) or isinstance(interval, bool):
            raise TypeError(f"interval must be None or a confidence between 0 and 1, such as 0.95, got {interval!r}")
        interval = float(interval)
        if not 0 < interval < 1:
            raise ValueError(f"interval must be None or a confidence between 0 and 1, such as 0.95, got {interval}")
    count = checked_integer("shuffles", shuffles)
    if not 0 <= count <= MOST_SHUFFLES:
        raise ValueError(f"shuffles must be from 0 to {MOST_SHUFFLES}, got {count}")
    return Extras(checked_flag("cka", cka), interval, count, 0 if seed is None else seed)


class PairedLayers:
    """The layers of two networks that a comparison has paired, and what can be said of them from their signatures."""

    def __init__(self, a: Evidence, b: Evidence, pairs: Sequence[tuple[int, int]], similarity: str, progress: Progress):
        """Takes the signatures.

        Args:
            a: Evidence of method "exact".
            b: The same of the other network.
            pairs: Layer of a, layer of b.
            similarity: "jaccard" or "phi".
            progress: Is told what is done.
        """
        layers = [(a.layers[i], b.layers[j]) for i, j in pairs]
        self._rows_a = [layer.rows for layer, _ in layers]
        self._rows_b = [layer.rows for _, layer in layers]
        self._weights = [max(layer_a.units, layer_b.units) for layer_a, layer_b in layers]
        alone_a = sum(layer.units for i, layer in enumerate(a.layers) if i not in {pair[0] for pair in pairs})
        alone_b = sum(layer.units for j, layer in enumerate(b.layers) if j not in {pair[1] for pair in pairs})
        self._total = sum(self._weights) + alone_a + alone_b
        self._num_samples = [a.num_samples[i] for i, _ in pairs]
        self._num_inputs = a.num_inputs
        self._similarity = similarity
        self._progress = progress

    def _network(self, scores: Tensor) -> Tensor:
        """Scores of the network, ``[rows]``, of those of its pairs of layers, ``[rows, pairs]``."""
        # One after the other, as the operators add them up, so that equal layers have equal sums.
        network = scores.new_zeros(len(scores))
        for weight, column in zip(self._weights, scores.unbind(dim=1), strict=True):
            network = network + weight * column
        return network / self._total

    def intervals(
        self, scores: Tensor, matches: Sequence[Tensor], confidence: float, seed: int
    ) -> tuple[Interval, list[Interval]]:
        """Symmetric bootstrap intervals of the network's score and of the layers'.

        Args:
            scores: Of the pairs of layers, float64 ``[pairs]``.
            matches: The partner or -1 of each unit of a, for each pair.
            confidence: Above 0 and below 1.
            seed: Of the draws.
        """
        if self._num_inputs < 2:
            raise ValueError(f"interval takes at least 2 inputs to draw from, got {self._num_inputs}")
        self._progress.stage("intervals", len(matches), "layers")
        columns = []
        # One by one: the draws are the same for all layers, and whoever waits can see how far it is, or stop it.
        for layer, partners in enumerate(matches):
            columns.append(
                ops.bootstrap_scores(
                    *self._layer(layer),
                    [partners.to(self._rows_a[0].device)],
                    [self._num_samples[layer]],
                    self._num_inputs,
                    REPLICATES,
                    seed,
                    self._similarity,
                ).cpu()
            )
            self._progress.step()
        replicates = torch.cat(columns, dim=1)
        every = torch.cat([self._network(replicates)[:, None], replicates], dim=1)
        middle = torch.cat([self._network(scores[None]), scores])
        reach = torch.quantile((every - every.mean(dim=0)).abs(), confidence, dim=0)
        least = -1 if self._similarity == "phi" else 0
        low, high = (middle - reach).clamp(min=least).tolist(), (middle + reach).clamp(max=1).tolist()
        network, *layers = zip(low, high, strict=True)
        return network, layers

    def p_values(self, scores: Tensor, shuffles: int, seed: int) -> tuple[float, list[float]]:
        """Of the network's score and of the layers', which are float64 ``[pairs]``."""
        nulls = self._shuffled_scores(shuffles, seed)

        def p_value(null: Tensor, score: Tensor) -> float:
            return (1 + int((null >= score).sum())) / (1 + shuffles)

        layers = [p_value(null, score) for null, score in zip(nulls.unbind(dim=1), scores, strict=True)]
        return p_value(self._network(nulls), self._network(scores[None])), layers

    def _shuffled_scores(self, shuffles: int, seed: int) -> Tensor:
        """Scores of the layers with inputs shuffled, float64 ``[shuffles, pairs]``: those of ``shuffled_scores``.

        One by one, so that whoever waits can see how far it is, or stop it.
        """
        self._progress.stage("shuffles for p-values", shuffles, "shuffles")
        device = self._rows_a[0].device
        pairs = range(len(self._rows_a))
        # The operator matches the units of several layers side by side.
        threads = min(len(pairs), torch.get_num_threads()) if device.type == "cpu" else 1
        rows = []
        with ThreadPoolExecutor(threads) as pool:
            for sources in shuffle_sources(self._num_inputs, seed, shuffles):
                score = partial(self._shuffled_score, sources.to(device))
                rows.append([*(pool.map(score, pairs) if threads > 1 else map(score, pairs))])
                self._progress.step()
        return torch.tensor(rows, dtype=torch.float64, device="cpu")

    def _shuffled_score(self, sources: Tensor, layer: int) -> float:
        samples = [self._num_samples[layer]]
        score: Tensor = ops.layer_scores(*self._layer(layer), samples, samples, self._similarity, sources)
        return score.item()

    def _layer(self, layer: int) -> tuple[list[Tensor], list[Tensor]]:
        return [self._rows_a[layer]], [self._rows_b[layer]]

    def ckas(self) -> list[tuple[float, float | None]]:
        """Linear CKA of each pair of layers and its debiased estimate, which takes 4 samples."""
        self._progress.stage("CKA", len(self._num_samples), "layers")

        def cka(pair: int, debiased: bool) -> float:
            value: Tensor = ops.signature_cka(self._rows_a[pair], self._rows_b[pair], self._num_samples[pair], debiased)
            if not debiased:
                self._progress.step()
            return value.item()

        return [
            (cka(pair, False), cka(pair, True) if samples >= 4 else None)
            for pair, samples in enumerate(self._num_samples)
        ]
