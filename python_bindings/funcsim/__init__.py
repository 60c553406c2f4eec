"""How similar two neural networks are as functions, unit by unit.

``compare`` takes two networks and inputs, and returns a score with its chance level and which unit of one network is
which unit of the other. The operators behind it are ``torch.ops.funcsim.*``: they work in TorchScript,
``torch.compile`` and ``torch.export`` as well.
"""

from . import operators as operators  # registers them
from ._library import cmake_prefix_path, simd_level
from ._version import __version__
from .align import align
from .barrier import Barrier, barrier
from .canonicalize import canonicalize
from .compare import compare
from .comparer import Comparer
from .comparison import Comparison, LayerComparison, UnmatchedLayer
from .describe import describe, parameters
from .drift import Drift, log_drift
from .layer_similarity import LayerSimilarity, layer_similarity
from .merge import merge
from .operators.primitives import (
    activation_signatures,
    jaccard,
    linear_sum_assignment,
    linear_sum_assignment_with_duals,
    minhash,
    minhash_jaccard,
    signature_cka,
    synchronize,
)
from .prune_report import LayerPruning, PruneReport, prune_report
from .sketch import NetworkSketch, sketch
from .stability import LayerStability, Stability, stability
from .verdict import Verdict

__all__ = [
    "Barrier",
    "Comparer",
    "Comparison",
    "Drift",
    "LayerComparison",
    "LayerPruning",
    "LayerSimilarity",
    "LayerStability",
    "NetworkSketch",
    "PruneReport",
    "Stability",
    "UnmatchedLayer",
    "Verdict",
    "__version__",
    "activation_signatures",
    "align",
    "barrier",
    "canonicalize",
    "cmake_prefix_path",
    "compare",
    "describe",
    "jaccard",
    "layer_similarity",
    "linear_sum_assignment",
    "linear_sum_assignment_with_duals",
    "log_drift",
    "merge",
    "minhash",
    "minhash_jaccard",
    "parameters",
    "prune_report",
    "signature_cka",
    "simd_level",
    "sketch",
    "stability",
    "synchronize",
]
