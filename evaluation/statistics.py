"""Means with intervals, and ranks."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats
from sklearn.metrics import roc_auc_score

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
REPLICATES = 1000


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half of the width of its 95 % interval: Student's t over the values, nan for fewer than two."""
    if len(values) < 2:
        return float(np.mean(values)), math.nan
    quantile = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)
    return float(np.mean(values)), float(quantile * np.std(values, ddof=1) / math.sqrt(len(values)))


def text(values: Sequence[float], digits: int = 3, scale: float = 1) -> str:
    """The mean ± half of its interval, or a dash where there is nothing."""
    kept = [scale * value for value in values if value is not None and not math.isnan(value)]
    if not kept:
        return "–"
    mean, half = interval(kept)
    return f"{mean:.{digits}f}" + ("" if math.isnan(half) else f" ± {half:.{digits}f}")


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """The chance that a positive's score is above a negative's, a tie counting half."""
    labels = [1] * len(positives) + [0] * len(negatives)
    return float(roc_auc_score(labels, [*positives, *negatives]))


def rank_correlation(x: Sequence[float] | Floats, y: Sequence[float] | Floats) -> float:
    """Spearman's; nan where one of them is constant."""
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(stats.spearmanr(x, y).statistic)


def bootstrap(groups: Sequence[Sequence[int]], value: Callable[[Floats], float], seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of a figure over resampled networks.

    Pairs of networks aren't independent, networks are: so networks are drawn with replacement, within each group.

    Args:
        groups: Numbers of networks that are exchangeable.
        value: Of how often each network was drawn.
        seed: Of the draws.
    """
    generator = np.random.default_rng(seed)
    size = 1 + max(network for group in groups for network in group)
    found = []
    for _ in range(REPLICATES):
        drawn = np.zeros(size)
        for group in groups:
            np.add.at(drawn, generator.choice(group, len(group)), 1)
        found.append(value(drawn))
    low, high = np.nanquantile(found, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def weighted_auroc(positives: Floats, weights_p: Floats, negatives: Floats, weights_n: Floats) -> float:
    """AUROC of pairs that count with weights; nan where a side has none."""
    if weights_p.sum() == 0 or weights_n.sum() == 0:
        return math.nan
    labels = np.concatenate([np.ones(len(positives)), np.zeros(len(negatives))])
    scores = np.concatenate([positives, negatives])
    return float(roc_auc_score(labels, scores, sample_weight=np.concatenate([weights_p, weights_n])))


def weighted_rank_correlation(x: Floats, y: Floats, weights: Floats) -> float:
    """Spearman's over pairs that are there ``weights`` times (whole numbers)."""
    times = weights.astype(int)
    return rank_correlation(np.repeat(x, times), np.repeat(y, times))
