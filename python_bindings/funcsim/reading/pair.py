"""The evidence on two networks, each of them given as a module or as a sketch."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..progress import SILENT, Progress
from ..settings import (
    SIMILARITIES,
    Positions,
    Settings,
    check_method,
    check_signatures_wanted,
    checked_settings,
)
from ..sketch import NetworkSketch
from .batches import num_inputs
from .evidence import InputsHash, collect, naming
from .feeding import Call, checked_call
from .graphs.conversion import Model
from .inputs import Inputs, check_tensor
from .layer_choice import LayerChoice, Names, checked_choice
from .layer_evidence import Evidence
from .readers import make_readers

Network = Model | NetworkSketch

ROLES = ("network a", "network b")
DEFAULTS = Settings()


def collect_pair(
    a: Network,
    b: Network,
    inputs: Inputs | None,
    *,
    method: str,
    similarity: str,
    num_hashes: int | None,
    seed: int | None,
    margin: float | None,
    positions: Positions | None,
    include: Names | None = None,
    exclude: Names | None = None,
    call: Call | None = None,
    progress: Progress = SILENT,
    similarities: Sequence[str] | None = None,
    needing_signatures: str | None = None,
    roles: tuple[str, str] = ROLES,
) -> tuple[Evidence, Evidence]:
    """The evidence on both networks, b's with what the chance level needs.

    Args are those of :func:`compare`, but for the last four: what is told of the progress; the similarities to choose
    from, if not those of units; the name of an option that can't do with sketches, if one was given; and what messages
    call the networks.

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`compare`.
    """
    check_method(method, similarity, similarities or SIMILARITIES)
    if similarity != "jaccard":
        needing_signatures = f'similarity "{similarity}"'
    if needing_signatures:
        check_signatures_wanted(needing_signatures, method)
    sketches = {
        role: network for role, network in zip(roles, (a, b), strict=True) if isinstance(network, NetworkSketch)
    }
    for role in sketches:
        if method == "exact" or needing_signatures:
            what = needing_signatures or 'method "exact"'
            raise ValueError(f"{what} needs signatures, and {role} is a sketch; give the network itself")
    settings = _common_settings(
        sketches, {"num_hashes": num_hashes, "seed": seed, "margin": margin, "positions": positions}
    )
    choice = checked_choice(include, exclude)
    if len(sketches) == 2:
        if inputs is not None:
            raise ValueError("inputs are not used where both networks are sketches: leave them out, or give None")
        _check_same_inputs({role: (sketch.num_inputs, sketch.inputs_sha256) for role, sketch in sketches.items()})
        _check_same_units({role: sketch.read for role, sketch in sketches.items()}, settings.margin)
        chosen = [_chosen(role, sketch.evidence, choice) for role, sketch in sketches.items()]
        choice.check_all_used()
        return chosen[0], chosen[1]
    if inputs is None:
        raise ValueError("inputs are missing: only two sketches can be compared without")

    if needing_signatures:
        method = "exact"
    if isinstance(inputs, Tensor):
        check_tensor(inputs, "inputs")
    modules = {
        role: network for role, network in zip(roles, (a, b), strict=True) if not isinstance(network, NetworkSketch)
    }
    readers = make_readers(modules, settings, choice=choice, call=checked_call(call), shuffled=(roles[1],))
    if isinstance(inputs, Tensor | Mapping) and method != "exact":
        for reader in readers.values():
            reader.shuffle_all(num_inputs(inputs))
    if not sketches:
        evidence_a, evidence_b = collect(list(readers.values()), inputs, method, settings.num_hashes, progress=progress)
        return evidence_a, evidence_b
    inputs_hash = InputsHash()
    ((reader_role, reader),) = readers.items()
    ((sketch_role, sketch),) = sketches.items()
    _check_same_units({sketch_role: sketch.read, reader_role: reader.read}, settings.margin)
    sketched = _chosen(sketch_role, sketch.evidence, choice)
    (evidence,) = collect([reader], inputs, "minhash", settings.num_hashes, inputs_hash, progress)
    evidence = evidence.cpu()
    _check_same_inputs(
        {
            sketch_role: (sketch.num_inputs, sketch.inputs_sha256),
            reader_role: (evidence.num_inputs, inputs_hash.hexdigest()),
        }
    )
    return (sketched, evidence) if sketch_role == roles[0] else (evidence, sketched)


def _common_settings(sketches: dict[str, NetworkSketch], given: dict[str, Any]) -> Settings:
    """What was given or else what the sketches have or else the defaults; all must agree."""
    # First, since what is no number may not be comparable either.
    checked_settings(**{name: getattr(DEFAULTS, name) if value is None else value for name, value in given.items()})
    values = {}
    for name, value in given.items():
        sources = {"given": value} if value is not None else {}
        sources |= {role: getattr(sketch.settings, name) for role, sketch in sketches.items()}
        (first, chosen), *others = (sources or {"default": getattr(DEFAULTS, name)}).items()
        for other, its_value in others:
            if its_value != chosen:
                raise ValueError(
                    f"networks can be compared on one {name} only, got {chosen!r} ({first}) and {its_value!r} "
                    f"({other}, a sketch)"
                )
        values[name] = chosen
    return checked_settings(**values)


def _chosen(role: str, evidence: Evidence, choice: LayerChoice) -> Evidence:
    """The evidence on those layers of a sketch that are wanted."""
    with naming(role):
        places = choice.places([layer.name for layer in evidence.layers])
    return replace(evidence, layers=tuple(evidence.layers[place] for place in places))


def _check_same_units(read: dict[str, str], margin: float) -> None:
    """Checks that margins mean the same for two networks."""
    if margin > 0 and len(set(read.values())) > 1:
        (role, one), (other_role, other) = read.items()
        raise ValueError(
            f"a margin above 0 is in units of the canonical form or in a network's own, which can't be compared: got "
            f"margin {margin:g}, {role} read in {one} and {other_role} in {other}"
        )


def _check_same_inputs(seen: dict[str, tuple[int, str]]) -> None:
    """Checks the numbers of inputs and the hashes of two networks."""
    (role, (num_inputs, sha256)), (other, (other_num_inputs, other_sha256)) = seen.items()
    if num_inputs != other_num_inputs:
        raise ValueError(
            f"networks can be compared on the same inputs only, got {num_inputs} inputs ({role}) and "
            f"{other_num_inputs} ({other})"
        )
    if sha256 != other_sha256:
        warnings.warn(
            f"the inputs of {role} (SHA-256 {sha256[:8]}…) and of {other} ({other_sha256[:8]}…) differ. Where they "
            f"are not the same samples in another form (dtype, preprocessing), the scores mean nothing",
            stacklevel=4,
        )
