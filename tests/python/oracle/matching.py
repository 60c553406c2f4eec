"""Assignment, order-preserving pairing of layers, scores, chance and coverage."""

from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
from scipy.optimize import linear_sum_assignment


def best_total(similarity: np.ndarray) -> float:
    """The largest sum of similarities of a one-to-one matching, by scipy."""
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return float(similarity[rows, columns].sum())


def brute_force_best(cost: list[list[int]], maximize: bool = False) -> int:
    """The best total of a one-to-one matching by trying all, in Python's integers (small matrices only)."""
    if len(cost) > len(cost[0]):
        cost = [list(column) for column in zip(*cost, strict=True)]
    totals = [
        sum(row[column] for row, column in zip(cost, columns, strict=True))
        for columns in permutations(range(len(cost[0])), len(cost))
    ]
    return max(totals) if maximize else min(totals)


def layer_score(similarity: np.ndarray) -> float:
    """Sum of the matched similarities over the larger number of units."""
    return best_total(similarity) / max(similarity.shape)


def coverage(similarity: np.ndarray) -> tuple[float, float]:
    """How much of A lives on in B, and of B in A."""
    total = best_total(similarity)
    return total / similarity.shape[0], total / similarity.shape[1]


def order_preserving_pairings(layers_a: int, layers_b: int) -> list[list[tuple[int, int]]]:
    """All ways to pair every layer of the shallower network with one of the deeper in order."""
    shallow, deep = min(layers_a, layers_b), max(layers_a, layers_b)
    pairings = []
    for chosen in combinations(range(deep), shallow):
        pairs = list(enumerate(chosen))
        pairings.append(pairs if layers_a <= layers_b else [(j, i) for i, j in pairs])
    return pairings


def best_pairing_sum(scores: np.ndarray) -> float:
    """The largest sum of layer scores of an order-preserving pairing, by trying all."""
    return max(sum(scores[i, j] for i, j in pairing) for pairing in order_preserving_pairings(*scores.shape))


@dataclass(frozen=True)
class NetworkScore:
    """Scores of a pairing of layers."""

    network: float
    layers: list[float]


def network_score(similarities: list[np.ndarray], left_over_units: list[int] | None = None) -> NetworkScore:
    """Layer scores weighted by max(units_a, units_b); layers left over count as 0 with their units.

    Args:
        similarities: One matrix ``[units_a, units_b]`` for each pair of layers.
        left_over_units: The units of each layer of either network that no pair has.
    """
    scores = [layer_score(similarity) for similarity in similarities]
    weights = [max(similarity.shape) for similarity in similarities]
    total = sum(score * weight for score, weight in zip(scores, weights, strict=True))
    return NetworkScore(total / (sum(weights) + sum(left_over_units or [])), scores)


def adjusted(score: float, chance: float) -> float:
    """The score above chance; where chance is 1, 1 for a score of 1 and else 0."""
    if chance == 1:
        return 1.0 if score == 1 else 0.0
    return (score - chance) / (1 - chance)


def standard_error(
    sketches: list[tuple[np.ndarray, np.ndarray]], weights: list[float], empty: int = 2**31 - 1
) -> float:
    """Delta-method standard error of a weighted sum of estimates, linearised slot by slot.

    With the correction for drawing without replacement, (u - k) / (u - 1) for k occupied slots of a union of u samples,
    u such that k slots are expected to be occupied.

    Args:
        sketches: Matched pairs of sketches, each ``[num_hashes]``.
        weights: What each pair's estimate is multiplied by in the score.
        empty: The mark of an empty slot.
    """
    num_hashes = len(sketches[0][0])
    residuals = np.zeros(num_hashes)
    for (x, y), weight in zip(sketches, weights, strict=True):
        occupied = (x != empty) | (y != empty)
        equal = occupied & (x == y)
        k = int(occupied.sum())
        if k == 0:
            continue
        factor = 1.0
        if k < num_hashes:
            u = np.log(1 - k / num_hashes) / np.log(1 - 1 / num_hashes)
            factor = max(u - k, 0) / (u - 1) if u > 1 else 0.0
        residuals += occupied * (equal - equal.sum() / k) / k * weight * np.sqrt(factor)
    return float(np.sqrt(num_hashes / (num_hashes - 1) * (residuals**2).sum()))
