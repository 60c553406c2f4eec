"""Centred kernel alignment from Gram matrices of samples x samples, and what it is made of."""

import numpy as np


def _gram(bits: np.ndarray) -> np.ndarray:
    x = bits.T.astype(np.float64)
    return x @ x.T


def _biased(k: np.ndarray, other: np.ndarray) -> float:
    """tr(K H L H) with H = I - 11'/n (Gretton et al. 2005), up to a factor of n."""
    n = len(k)
    centring = np.eye(n) - 1 / n
    return float(np.trace(k @ centring @ other @ centring))


def _unbiased(k: np.ndarray, other: np.ndarray) -> float:
    """HSIC_1, equation 5 of Song et al. 2012."""
    n = len(k)
    k, other = k - np.diag(np.diag(k)), other - np.diag(np.diag(other))
    ones = np.ones(n)
    total = np.trace(k @ other) + (ones @ k @ ones) * (ones @ other @ ones) / ((n - 1) * (n - 2))
    return float((total - 2 / (n - 2) * (ones @ k @ other @ ones)) / (n * (n - 3)))


def linear_cka(a: np.ndarray, b: np.ndarray, debiased: bool = False) -> float:
    """Of booleans ``[a, samples]`` and ``[b, samples]`` of which neither is constant."""
    hsic = _unbiased if debiased else _biased
    k, other = _gram(a), _gram(b)
    return hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other))
