"""Sketches of networks: what a comparison needs of one network, without its weights and without the data."""

import os
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from . import sketch_file
from ._library import plan_samples
from ._version import __version__
from .progress import shown
from .reading.evidence import InputsHash, collect
from .reading.feeding import Call, checked_call
from .reading.graphs.conversion import Model
from .reading.inputs import Inputs
from .reading.layer_choice import Names, checked_choice
from .reading.layer_evidence import CANONICAL_FORM, HOOKS, Evidence, LayerEvidence
from .reading.readers import make_readers
from .settings import INT64, Positions, Settings, checked_settings

# Of the document in a sketch file (docs/sketch-format.md).
KEYS = {
    "architecture",
    "funcsim_version",
    "input_shape",
    "inputs_sha256",
    "layers",
    "margin",
    "notes",
    "num_hashes",
    "num_inputs",
    "positions",
    "read",
    "seed",
    "sha256",
    "version",
}


@dataclass(frozen=True, eq=False, repr=False)
class NetworkSketch:
    """What :func:`compare` needs to know of a network. Made by :func:`sketch`, kept by :meth:`save`.

    Attributes:
        architecture: The network's description; of one read by hooks its class and layers, for people.
        settings: num_hashes, seed, margin and positions. Sketches are comparable where these are equal.
        num_inputs: How many inputs the network was sketched on.
        input_shape: Sizes of one input.
        inputs_sha256: Hash of the inputs' bytes, to notice that two sketches saw different inputs.
        layers: The hidden layers.
        funcsim_version: The version of funcsim that made it.
        read: How the network was read, "canonical form" or "hooks" (docs/modules.md).
        notes: What to know of how it was read: layers that aren't seen, for example. Comparisons have them, too.
    """

    architecture: str
    settings: Settings
    num_inputs: int
    input_shape: tuple[int, ...]
    inputs_sha256: str
    layers: tuple[LayerEvidence, ...]
    funcsim_version: str = __version__
    read: str = CANONICAL_FORM
    notes: tuple[str, ...] = ()

    @property
    def evidence(self) -> Evidence:
        """As comparisons take it."""
        return Evidence("minhash", self.num_inputs, self.layers, self.settings, read=self.read, notes=self.notes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a safetensors file (docs/sketch-format.md): no pickle, readable without funcsim.

        It is written beside ``path`` and renamed, so that no half of a file is ever under that name.

        Args:
            path: The file, which is replaced where it exists.

        Raises:
            OSError: The file can't be written.
        """
        document: dict[str, Any] = {
            "architecture": self.architecture,
            "funcsim_version": self.funcsim_version,
            "input_shape": list(self.input_shape),
            "inputs_sha256": self.inputs_sha256,
            "layers": [{"name": layer.name, "samples_per_input": layer.samples_per_input} for layer in self.layers],
            "margin": self.settings.margin,
            "num_hashes": self.settings.num_hashes,
            "num_inputs": self.num_inputs,
            "positions": self.settings.positions,
            "seed": self.settings.seed,
        }
        if self.read != CANONICAL_FORM:
            document["read"] = self.read
        if self.notes:
            document["notes"] = list(self.notes)
        tensors = {}
        for index, layer in enumerate(self.layers):
            assert layer.shuffled is not None
            tensors[f"{index}.sketch"] = layer.rows
            tensors[f"{index}.shuffled"] = layer.shuffled
            tensors[f"{index}.counts"] = layer.counts
            tensors[f"{index}.fingerprints"] = layer.fingerprints
        sketch_file.write(path, document, tensors)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "NetworkSketch":
        """Reads what :meth:`save` wrote.

        Args:
            path: The file.

        Raises:
            OSError: The file can't be opened.
            ValueError: Names the file: it is damaged, incomplete, no sketch, or of a later version of the format.
        """
        document, tensors = sketch_file.read(path)
        try:
            return _from_file(document, tensors)
        except (ValueError, TypeError, RuntimeError) as error:
            raise ValueError(f"{os.fspath(path)} is inconsistent: {error}") from error

    def __repr__(self) -> str:
        units = ", ".join(f"{layer.name}: {layer.units} units" for layer in self.layers)
        by_hooks = "; read by hooks" if self.read == HOOKS else ""
        return f"NetworkSketch({units}; {self.num_inputs} inputs; {self.settings}{by_hooks})"


def sketch(
    model: Model,
    inputs: Inputs,
    *,
    num_hashes: int = 1024,
    seed: int = 0,
    margin: float = 0.0,
    positions: Positions = 16,
    include: Names | None = None,
    exclude: Names | None = None,
    call: Call | None = None,
    progress: bool | None = None,
) -> NetworkSketch:
    """Sketches a network on inputs, to compare it later without the data or the weights.

    The sketch of a unit takes ``8 * num_hashes`` bytes whatever the number of inputs. It depends on the inputs and
    their order, and not on how they are split into batches.

    Args:
        model: A ``torch.nn.Module``, as :func:`compare` takes it. It is left exactly as it is, and taken as in eval
            mode.
        inputs: A tensor or batches, as :func:`compare` takes them, in random order: for the chance level they are
            shuffled within blocks of 4096, and blocks of one class would make it too high.
        num_hashes: Slots of a sketch, from 1 to 2**24. The standard error of scores falls with its square root.
        seed: Of sketches, points and shuffle: any int64. Only sketches with equal seeds can be compared.
        margin: A unit fires where its canonical pre-activation is above this; finite, at least 0.
        positions: Samples an input, as in :func:`compare`; so are the next four.
        include: Names of hidden layers.
        exclude: Names of hidden layers.
        call: Runs the model on a batch.
        progress: Whether a bar shows the progress.

    Returns:
        The sketch, which compares with others of equal options on the same inputs.

    Raises:
        TypeError, ValueError, RuntimeError: As :func:`compare`.
    """
    settings = checked_settings(num_hashes, seed, margin, positions)
    choice = checked_choice(include, exclude)
    (reader,) = make_readers({"": model}, settings, choice=choice, call=checked_call(call), shuffled=("",)).values()
    inputs_hash = InputsHash()
    with shown(progress, "reading the network", inputs, 1) as bar:
        (evidence,) = collect([reader], inputs, "minhash", settings.num_hashes, inputs_hash, bar)
    return NetworkSketch(
        reader.architecture,
        settings,
        evidence.num_inputs,
        reader.input_shape,
        inputs_hash.hexdigest(),
        evidence.cpu().layers,
        read=evidence.read,
        notes=evidence.notes,
    )


def _from_file(document: dict[str, Any], tensors: dict[str, Tensor]) -> NetworkSketch:
    """Raises ValueError, TypeError or RuntimeError for what doesn't fit together."""
    _check_keys(document, "the document", KEYS)
    text = {key: _typed(document, key, str) for key in ("architecture", "funcsim_version", "inputs_sha256")}
    numbers = {key: _typed(document, key, int) for key in ("num_hashes", "num_inputs", "seed")}
    positions, margin = _typed(document, "positions", int, str), _typed(document, "margin", float, int)
    settings = checked_settings(numbers["num_hashes"], numbers["seed"], margin, positions)
    if not 1 <= numbers["num_inputs"] < INT64.stop:
        raise ValueError(f"num_inputs must be from 1 to {INT64.stop - 1}, got {numbers['num_inputs']}")
    if re.fullmatch("[0-9a-f]{64}", text["inputs_sha256"]) is None:
        raise ValueError(f"inputs_sha256 must be 64 hexadecimal digits, got {text['inputs_sha256']!r}")
    input_shape = _typed(document, "input_shape", list)
    if not all(type(size) is int and 0 <= size < INT64.stop for size in input_shape):
        raise ValueError(f"input_shape must be a list of sizes, integers of at least 0, got {input_shape}")
    described = _typed(document, "layers", list)
    if not described:
        raise ValueError("layers must hold at least one layer, got none")
    layers = tuple(
        _layer_from_file(index, layer, tensors, settings, numbers["num_inputs"])
        for index, layer in enumerate(described)
    )
    if len(tensors) != 4 * len(layers):
        raise ValueError(f"{len(layers)} layers have 4 tensors each, got {', '.join(sorted(tensors))}")
    read = _typed(document, "read", str) if "read" in document else CANONICAL_FORM
    if read not in (CANONICAL_FORM, HOOKS):
        raise ValueError(f'read must be "{CANONICAL_FORM}" or "{HOOKS}", got {read!r}')
    notes = _typed(document, "notes", list) if "notes" in document else []
    if not all(isinstance(note, str) for note in notes):
        raise ValueError(f"notes must be a list of text, got {notes!r}")
    got = [(layer.units, layer.samples_per_input) for layer in layers]
    expected = got
    if read == CANONICAL_FORM:
        expected = plan_samples(text["architecture"], input_shape, settings.operator_positions)
    remaining = iter(expected)
    if not all(layer in remaining for layer in got):  # some, in their order: others may not have been wanted
        raise ValueError(
            f"the hidden layers of the architecture have {expected} (units, samples_per_input), those of layers {got}"
        )
    return NetworkSketch(
        text["architecture"],
        settings,
        numbers["num_inputs"],
        tuple(input_shape),
        text["inputs_sha256"],
        layers,
        text["funcsim_version"],
        read,
        tuple(notes),
    )


def _layer_from_file(
    index: int, layer: Any, tensors: dict[str, Tensor], settings: Settings, num_inputs: int
) -> LayerEvidence:
    if not isinstance(layer, dict):
        raise ValueError(f"layers[{index}] must have a name and samples_per_input, got {layer!r}")
    _check_keys(layer, f"layers[{index}]", {"name", "samples_per_input"})
    name, samples = _typed(layer, "name", str), _typed(layer, "samples_per_input", int)
    if samples < 1:
        raise ValueError(f"layers[{index}] must have at least one sample an input, got {samples}")
    if num_inputs * samples not in INT64:
        raise ValueError(
            f"layers[{index}] must have at most {INT64.stop - 1} samples, got {num_inputs} inputs of {samples} samples"
        )
    sketch_tensor = tensors.get(f"{index}.sketch", torch.empty(0))
    units = len(sketch_tensor)
    found = []
    for part, dtype, shape in (
        ("sketch", torch.int32, [max(units, 1), settings.num_hashes]),
        ("shuffled", torch.int32, [units, settings.num_hashes]),
        ("counts", torch.int64, [units]),
        ("fingerprints", torch.int64, [units]),
    ):
        tensor = tensors.get(f"{index}.{part}")
        if tensor is None or tensor.dtype != dtype or list(tensor.shape) != shape:
            got = "none" if tensor is None else f"{tensor.dtype} {list(tensor.shape)}"
            raise ValueError(f"tensor {index}.{part} must be {dtype} {shape}, got {got}")
        if part != "fingerprints" and int(tensor.min()) < 0:
            raise ValueError(f"tensor {index}.{part} holds negative numbers")
        found.append(tensor)
    if int(found[2].max()) > num_inputs * samples:
        raise ValueError(f"tensor {index}.counts holds {int(found[2].max())}, of {num_inputs * samples} samples")
    return LayerEvidence(name, samples, *found)


def _check_keys(document: dict[str, Any], what: str, known: set[str]) -> None:
    if unknown := sorted(document.keys() - known):
        raise ValueError(f"{what} must have the keys {', '.join(sorted(known))} only, got {', '.join(unknown)} as well")


def _typed(document: dict[str, Any], key: str, *types: type) -> Any:
    value = document.get(key)
    if not isinstance(value, types) or isinstance(value, bool):
        expected = " or ".join(kind.__name__ for kind in types)
        raise ValueError(f"{key} must be of type {expected}, got {value!r}")
    return value
