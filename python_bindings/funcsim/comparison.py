"""What comparisons return."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from .reading.layer_evidence import CANONICAL_FORM
from .report.comparison_plot import plot_comparison
from .report.frames import layer_frame, unit_frame
from .results import Result, reading_lines, text_table
from .settings import Settings
from .verdict import Verdict, verdict

if TYPE_CHECKING:  # these know what a comparison is
    from .layer_similarity import LayerSimilarity
    from .stability import Stability

HEADINGS = ("a", "b", "units", "score", "chance", "adjusted", "coverage", "dead", "always on", "duplicates")


@dataclass(frozen=True, eq=False, repr=False)
class LayerComparison(Result):
    """Two hidden layers compared. A *unit* is an output feature of a Linear or an output channel of a convolution.

    Attributes:
        name_a: Place of the affine layer in network a, for example "0" or "3.0".
        name_b: In network b.
        units_a: Units of a's layer.
        units_b: Units of b's layer.
        num_samples: Samples that the layers were compared on: inputs, or pairs of input and position.
        score: Sum of the similarities of matched units / max(units_a, units_b), from 0 to 1 (from -1 for similarity
            "phi").
        chance: The same against b's layer with its samples shuffled.
        adjusted: (score - chance) / (1 - chance); where chance is 1, 1 for a score of 1 and else 0.
        standard_error: Of the score; 0 for exact.
        coverage_a: The same sum / units_a: how much of a's layer lives on in b's.
        coverage_b: The same sum / units_b.
        matches: int64 ``[k, 2]``: unit of a, unit of b; ascending in a; k = min(units_a, units_b).
        similarities: float32 ``[k]`` of these pairs.
        dead_a: Units of a that fire on no sample.
        dead_b: Of b.
        always_on_a: Units of a that fire on every sample.
        always_on_b: Of b.
        duplicates_a: Units of a, neither dead nor always on, that fire exactly when an earlier one does.
        duplicates_b: Of b.
        counts_a: int64 ``[units_a]``: samples on which each unit of a fires.
        counts_b: int64 ``[units_b]``.
        duplicate_of_a: int64 ``[units_a]``: the first unit that fires exactly when a duplicate does; -1 for all others.
        duplicate_of_b: int64 ``[units_b]``.
        cka: Linear CKA of the layers' bits, from 0 to 1; this and the next three are None unless they were asked for.
        cka_debiased: Its debiased estimate, from -1 to 1; None for fewer than 4 samples too.
        interval: Low and high end of the score, had as many other inputs of their kind come.
        p_value: Of "more alike than chance": from 1 / (1 + shuffles) to 1.
        chance_similarities: float32 ``[k]`` of the pairs that are matched where b's samples are shuffled: what
            ``chance`` is the sum of. None where it wasn't collected (``details`` of :func:`compare`).
    """

    name_a: str
    name_b: str
    units_a: int
    units_b: int
    num_samples: int
    score: float
    chance: float
    adjusted: float
    standard_error: float
    coverage_a: float
    coverage_b: float
    matches: Tensor
    similarities: Tensor
    dead_a: int
    dead_b: int
    always_on_a: int
    always_on_b: int
    duplicates_a: int
    duplicates_b: int
    counts_a: Tensor
    counts_b: Tensor
    duplicate_of_a: Tensor
    duplicate_of_b: Tensor
    cka: float | None = None
    cka_debiased: float | None = None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    chance_similarities: Tensor | None = None

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each pair of units, and for each unit without a partner.

        Its columns: ``unit_a`` and ``unit_b``, ascending in a, units of b alone at the end, and ``similarity`` (all
        three missing where there is nothing); ``density_a`` and ``density_b``, the share of samples on which the unit
        fires; ``kind_a`` and ``kind_b``: "", "dead", "always on" or "duplicate"; ``duplicate_of_a`` and
        ``duplicate_of_b``, of duplicates, the first unit that fires as it does.

        Raises:
            ImportError: Without pandas, which is an optional package.
        """
        return unit_frame(self)

    def __str__(self) -> str:
        """A heading and one line. Pairs of numbers are a / b."""
        return _table([self])

    __repr__ = __str__


@dataclass(frozen=True)
class UnmatchedLayer:
    """A hidden layer without a partner. It counts as 0 in the network's score.

    Attributes:
        name: Place of the affine layer in its network.
        units: Its units.
    """

    name: str
    units: int


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(Result):
    """Two networks compared: what :func:`compare` returns. Print it for a table.

    Attributes:
        score: Layer scores weighted by max(units_a, units_b), from 0 to 1 (from -1 for similarity "phi").
        chance: The score against b with its inputs shuffled: what unrelated networks reach.
        adjusted: (score - chance) / (1 - chance): 1 for equal networks, near 0 for unrelated ones. Where chance is 1, 1
            for a score of 1 and else 0.
        standard_error: Of the score; 0 for exact.
        method: Which ran, "exact" or "minhash".
        similarity: "jaccard" or "phi".
        num_inputs: Inputs that the networks were compared on.
        settings: num_hashes (of "minhash"), seed, margin and positions.
        versions: Those of "funcsim" and "torch" that it was made with.
        layers: Pairs of hidden layers, in a's order.
        unmatched_a: Hidden layers of a without a partner.
        unmatched_b: Of b.
        interval: Low and high end of the score, had as many other inputs of their kind come; None unless asked for.
        p_value: Of "more alike than chance": from 1 / (1 + shuffles) to 1; None unless asked for.
        read_a: How a was read: "canonical form", without its units' scales; or "hooks", as it runs (docs/modules.md).
        read_b: How b was read.
        notes_a: What its user should know of how a was read, for example which of its layers can't be seen.
        notes_b: Of how b was read.
        layer_similarity: All hidden layers of a against all of b, with NaN for layers that have different numbers of
            samples an input; None where it wasn't collected (``details`` of :func:`compare`).
        seconds: How long it took; None where that isn't known.
    """

    score: float
    chance: float
    adjusted: float
    standard_error: float
    method: str
    similarity: str
    num_inputs: int
    settings: Settings
    versions: dict[str, str]
    layers: tuple[LayerComparison, ...]
    unmatched_a: tuple[UnmatchedLayer, ...]
    unmatched_b: tuple[UnmatchedLayer, ...]
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    read_a: str = CANONICAL_FORM
    read_b: str = CANONICAL_FORM
    notes_a: tuple[str, ...] = ()
    notes_b: tuple[str, ...] = ()
    layer_similarity: "LayerSimilarity | None" = None
    seconds: float | None = None

    def verdict(self) -> Verdict:
        """What the numbers say, in plain language and with its uncertainty. docs/reports.md has the levels."""
        return verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """All attributes but ``seconds`` as numbers, strings, lists and dicts, ready for JSON; None for NaN.

        So equal comparisons have equal dicts.
        """
        values = super().to_dict()
        del values["seconds"]
        return values

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each pair of layers: the attributes of LayerComparison that are numbers.

        ``interval`` becomes ``interval_low`` and ``interval_high``; what wasn't asked for is missing.

        Raises:
            ImportError: Without pandas, which is an optional package.
        """
        return layer_frame(self)

    def plot(self, axes: Any = None) -> Any:
        """Draws score and chance of each layer, the scores with their uncertainty, by matplotlib.

        Args:
            axes: Matplotlib's, to draw on; None makes a figure.

        Returns:
            The axes.

        Raises:
            ImportError: Without matplotlib, which is an optional package.
        """
        return plot_comparison(self, axes)

    def save_html(
        self,
        path: str | os.PathLike[str],
        *,
        title: str | None = None,
        stability: "Stability | None" = None,
        command: str | None = None,
    ) -> None:
        """Writes a report to look at in a browser: one file that needs no network and no other file.

        docs/reports.md says what is in it and how to read it. It is written beside ``path`` and renamed, so that no
        half of a file is ever under that name.

        Args:
            path: The file, which is replaced where it exists.
            title: Its heading; None for "Two networks compared".
            stability: What :func:`stability` says of network a: adds the flicker of its units to the table of units.
            command: The command line that compared, where one did: it is shown with how it was computed.

        Raises:
            ImportError: Without plotly, which is an optional package.
            OSError: The file can't be written.
            TypeError, ValueError: Stability of something else, or of a network with other layers.
        """
        from .report.page import save_report  # noqa: PLC0415  # nothing of it is needed without reports

        save_report(self, path, title, stability, command)

    def _repr_html_(self) -> str:
        """The verdict and the table of layers, for notebooks."""
        from .report.notebook import notebook_html  # noqa: PLC0415  # nothing of it is needed without reports

        return notebook_html(self)

    def __str__(self) -> str:
        """A line on the networks and a table of their layers. Pairs of numbers are a / b."""
        error = f", standard error {self.standard_error:.4f}" if self.method == "minhash" else ""
        interval = "" if self.interval is None else f", interval {_interval_text(self.interval)}"
        p_value = "" if self.p_value is None else f", p-value {_p_value_text(self.p_value)}"
        head = (
            f"score {self.score:.4f}{interval}, chance {self.chance:.4f}{p_value}, adjusted {self.adjusted:.4f} "
            f"({self.method}, {self.similarity}{error})"
        )
        unmatched = [
            f"layer {layer.name} of {network} ({layer.units} units) has no partner"
            for network, layers in (("a", self.unmatched_a), ("b", self.unmatched_b))
            for layer in layers
        ]
        reading = [("network a", self.read_a, self.notes_a), ("network b", self.read_b, self.notes_b)]
        return "\n".join([head, _table(self.layers), *unmatched, *reading_lines(reading)])

    __repr__ = __str__


def _interval_text(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.4f} to {interval[1]:.4f}"


def _p_value_text(p_value: float) -> str:
    return f"{p_value:.3g}"


def table_row(layer: LayerComparison) -> tuple[str, ...]:
    """The cells under HEADINGS. Pairs of numbers are a / b."""
    return (
        layer.name_a,
        layer.name_b,
        f"{layer.units_a} / {layer.units_b}",
        f"{layer.score:.4f}",
        f"{layer.chance:.4f}",
        f"{layer.adjusted:.4f}",
        f"{layer.coverage_a:.4f} / {layer.coverage_b:.4f}",
        f"{layer.dead_a} / {layer.dead_b}",
        f"{layer.always_on_a} / {layer.always_on_b}",
        f"{layer.duplicates_a} / {layer.duplicates_b}",
    )


def _asked_columns(layers: Sequence[LayerComparison]) -> list[tuple[str, ...]]:
    """A column, heading first, for each of the things that were asked for."""
    columns: dict[str, list[str | None]] = {
        "interval": [None if layer.interval is None else _interval_text(layer.interval) for layer in layers],
        "p-value": [None if layer.p_value is None else _p_value_text(layer.p_value) for layer in layers],
        "CKA": [None if layer.cka is None else f"{layer.cka:.4f}" for layer in layers],
        "debiased": [None if layer.cka_debiased is None else f"{layer.cka_debiased:.4f}" for layer in layers],
    }
    return [
        (heading, *(cell or "" for cell in cells)) for heading, cells in columns.items() if any(cell for cell in cells)
    ]


def _table(layers: Sequence[LayerComparison]) -> str:
    """Rows under a heading, columns as wide as their widest cell."""
    rows = [HEADINGS, *map(table_row, layers)]
    asked = list(zip(*_asked_columns(layers), strict=True)) or [()] * len(rows)
    return text_table([(*row, *more) for row, more in zip(rows, asked, strict=True)])
