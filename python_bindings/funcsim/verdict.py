"""What a comparison says in plain language."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it has a verdict
    from .comparison import Comparison, LayerComparison, UnmatchedLayer


@dataclass(frozen=True)
class Level:
    """A range of adjusted scores that is called one thing.

    Attributes:
        name: A few words.
        least: The smallest adjusted score of the level.
        meaning: What it says of the networks, as a sentence.
    """

    name: str
    least: float
    meaning: str


# The bounds are read off docs/evaluation/robustness.md, as docs/reports.md says. The first leaves room for rounding.
LEVELS = (
    Level("The same", 0.999, "Matched units fire on the same inputs: these are the same units, up to order and scale."),
    Level("Nearly the same", 0.95, "Matched units fire on almost the same inputs, as after rounding to 8 bits."),
    Level("Close", 0.75, "Most units have a close counterpart, as in neighbouring checkpoints or after light pruning."),
    Level(
        "Changed",
        0.5,
        "Either one network has clearly changed, or the two were trained apart on data of few dimensions.",
    ),
    Level(
        "Distant",
        0.25,
        "Either one network changed so much that many units can't be found again, or the two were trained apart.",
    ),
    Level("Other units", 0.1, "As far apart as networks of other seeds or untrained ones: these are other units."),
    Level("Chance", float("-inf"), "Hardly more alike than units that are matched by chance."),
)
# What is said instead of a level where shuffled inputs change nothing.
NOTHING = Level(
    "Nothing compared",
    float("-inf"),
    "One network's units never fire on these inputs, or always do, in every layer: the score says nothing.",
)

# Below this, matching makes so much of chance that it shows (docs/evaluation/uncertainty.md).
FEW_INPUTS = 500
# A p-value above this doesn't rule chance out.
LIKELY_CHANCE = 0.05
# Where this share of the units can't be told apart, it is said.
MANY = 0.2
# So much is the spread of layers worth mentioning.
SPREAD = 0.2
# Below this, networks that were trained apart are found as well (docs/reports.md): 0.71 is the most that was measured.
TRAINED_APART = 0.75


@dataclass(frozen=True)
class Verdict:
    """What a comparison says in plain language. Print it for a paragraph.

    Attributes:
        level: The level's name, for example "Close"; "Nothing compared" where no unit could be told from any other.
        headline: One sentence: the level's meaning.
        adjusted: The adjusted score that it is about.
        low: Low end of the adjusted score's uncertainty, as far as that was measured; else the score itself.
        high: High end.
        uncertainty: One or two sentences: how sure this is, and what it isn't sure of.
        notes: Sentences on what else there is to know before anybody relies on it.
        is_void: Whether nothing was compared.
    """

    level: str
    headline: str
    adjusted: float
    low: float
    high: float
    uncertainty: str
    notes: tuple[str, ...]
    is_void: bool

    def __str__(self) -> str:
        """All of it, a line for each note."""
        lines = [f"{self.level} (adjusted {self.adjusted:.3f}). {self.headline}", self.uncertainty, *self.notes]
        return "\n".join(lines)


def level_of(adjusted: float) -> Level:
    """The level of an adjusted score."""
    return next(level for level in LEVELS if adjusted >= level.least)


def verdict(comparison: "Comparison") -> Verdict:
    """What a comparison says in plain language, and how sure that is."""
    is_void = _has_nothing_to_compare(comparison)
    level = NOTHING if is_void else level_of(comparison.adjusted)
    low, high = _range(comparison)
    return Verdict(
        level=level.name,
        headline=level.meaning,
        adjusted=comparison.adjusted,
        low=low,
        high=high,
        uncertainty=_uncertainty(comparison, low, high),
        notes=tuple(_notes(comparison, is_void=is_void)),
        is_void=is_void,
    )


def _has_nothing_to_compare(comparison: "Comparison") -> bool:
    """Whether in every pair of layers all units of one are dead or always on, which leaves chance and score equal."""
    return all(
        layer.dead_a + layer.always_on_a == layer.units_a or layer.dead_b + layer.always_on_b == layer.units_b
        for layer in comparison.layers
    )


def _range(comparison: "Comparison") -> tuple[float, float]:
    """How far the adjusted score may be off, as far as that was measured."""
    if comparison.interval is not None:
        ends = comparison.interval
    elif comparison.method == "minhash":
        ends = (comparison.score - 2 * comparison.standard_error, comparison.score + 2 * comparison.standard_error)
    else:
        return comparison.adjusted, comparison.adjusted
    if comparison.chance == 1:
        return comparison.adjusted, comparison.adjusted
    low, high = ((min(end, 1) - comparison.chance) / (1 - comparison.chance) for end in ends)
    return low, high


def _uncertainty(comparison: "Comparison", low: float, high: float) -> str:
    reach = f"{low:.3f} to {high:.3f}"
    if comparison.interval is not None:
        text = (
            f"Adjusted is {reach} from one draw of as many inputs to the next. That is for comparing scores on the "
            f"same inputs: on many more inputs, unlike networks score lower."
        )
    elif comparison.method == "minhash":
        text = (
            f"Estimated from sketches of {comparison.settings.num_hashes} hashes: adjusted is {reach} (two standard "
            f"errors), and may be up to 0.02 too low. How much other inputs would change it wasn't measured."
        )
    else:
        inputs = f"{comparison.num_inputs:,} input{'s' * (comparison.num_inputs > 1)}"
        text = (
            f"Counted exactly on {inputs}. How much other inputs would change it wasn't "
            f"measured; compare with interval=0.95 to know."
        )
    first, last = level_of(low), level_of(high)
    if first is not last:
        text += f' That reaches from "{first.name.lower()}" to "{last.name.lower()}".'
    if comparison.p_value is not None:
        text += f" {_chance_sentence(comparison.p_value)}"
    return text


def _chance_sentence(p_value: float) -> str:
    if p_value > LIKELY_CHANCE:
        return f"It may be chance: shuffled inputs score as high with p = {p_value:.3g}."
    return (
        f"It isn't chance (p = {p_value:.3g}), which alone says little: networks that see the same inputs seldom are."
    )


def _notes(comparison: "Comparison", *, is_void: bool) -> Iterator[str]:
    yield from _notes_on_units(comparison)
    yield from _notes_on_layers(comparison)
    if comparison.adjusted < TRAINED_APART and not is_void:
        yield (
            "Damage or another network? The score alone can't tell, nor whether a network is good. Compare with a "
            "second seed and with an untrained network on the same inputs: on images of digits these have 0.2 and 0.1, "
            "on tables of few columns up to 0.7 and 0.5."
        )
    if comparison.num_inputs < FEW_INPUTS:
        yield (
            f"Few inputs ({comparison.num_inputs}): matching makes the most of chance, which adds some 0.02 to scores "
            f"at 200 inputs, and rare units may not have fired at all. Take some thousand."
        )
    yield (
        "Hidden units are compared, not outputs: whether predictions agree, and whether a network is good, is another "
        "question."
    )


def _notes_on_units(comparison: "Comparison") -> Iterator[str]:
    for network, unmatched in (("a", comparison.unmatched_a), ("b", comparison.unmatched_b)):
        units = _units(comparison, network, unmatched)
        same = sum(
            getattr(layer, f"{kind}_{network}")
            for layer in comparison.layers
            for kind in ("dead", "always_on", "duplicates")
        )
        if same > MANY * units:
            yield (
                f"{same} of {network}'s {units} units can't be told apart on these inputs (dead, always on, or "
                f"duplicates): equal ones count as alike, though they may do different things on other inputs."
            )


def _notes_on_layers(comparison: "Comparison") -> Iterator[str]:
    for network, unmatched in (("a", comparison.unmatched_a), ("b", comparison.unmatched_b)):
        if unmatched:
            names = ", ".join(layer.name for layer in unmatched)
            yield f"No partner for layer {names} of {network}: counted as 0."
    if (
        any(layer.units_a != layer.units_b for layer in comparison.layers)
        or comparison.unmatched_a
        or comparison.unmatched_b
    ):
        of_a = _covered(comparison, "a", comparison.unmatched_a)
        of_b = _covered(comparison, "b", comparison.unmatched_b)
        yield (
            f"The networks differ in size, so they can't reach 1. Above chance, {of_a} of a lives on in b and {of_b} "
            f"of b in a."
        )
    worst = min(comparison.layers, key=_adjusted)
    best = max(comparison.layers, key=_adjusted)
    if best.adjusted - worst.adjusted >= SPREAD:
        yield f"Layers differ: from {worst.adjusted:.3f} ({_name(worst)}) to {best.adjusted:.3f} ({_name(best)})."


def _covered(comparison: "Comparison", network: str, unmatched: tuple["UnmatchedLayer", ...]) -> str:
    """Coverage of a network above what chance covers, in percent."""
    units = _units(comparison, network, unmatched)
    score, chance = (
        sum(getattr(layer, name) * max(layer.units_a, layer.units_b) for layer in comparison.layers) / units
        for name in ("score", "chance")
    )
    above = (score - chance) / (1 - chance) if chance < 1 else 0.0
    return f"{max(above, 0):.0%}"


def _name(layer: "LayerComparison") -> str:
    name = layer.name_a if layer.name_a == layer.name_b else f"{layer.name_a} with {layer.name_b}"
    return f"layer {name}" if name[:1].isdigit() else name


def _adjusted(layer: "LayerComparison") -> float:
    return layer.adjusted


def _units(comparison: "Comparison", network: str, unmatched: tuple["UnmatchedLayer", ...]) -> int:
    matched: int = sum(getattr(layer, f"units_{network}") for layer in comparison.layers)
    return matched + sum(layer.units for layer in unmatched)
