"""What of networks' hidden layers gets compared, and how it is collected from a stream of inputs."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from .._library import plan_samples
from ..describe import architecture_text, detached_tensors, read_items
from ..item_writer import Item
from ..modes import exact_arithmetic
from ..progress import SILENT, Progress
from ..settings import Settings
from .batches import named_tensors, num_inputs, on_device
from .inputs import BLOCK_INPUTS, Inputs, chunks
from .layer_choice import LayerChoice
from .layer_evidence import CANONICAL_FORM, Evidence, LayerBlocks
from .moments import merged_moments
from .run_errors import NaNFound, conversion, holds_nan, nan_error

ops = torch.ops.funcsim


@contextmanager
def naming(role: str) -> Iterator[None]:
    """Puts the network's role before the message of an error, or adds it as a note to one of a kind of its own."""
    try:
        yield
    except Exception as error:
        if role and type(error) in (RuntimeError, ValueError, TypeError, NaNFound):
            raise type(error)(f"{role}: {error}") from error
        if role:
            error.add_note(f"(in {role})")
        raise


def affine_places(items: Sequence[Item]) -> list[str]:
    """Places of the affine layers, in order. All but the last are hidden."""
    return [item.place for item in items if item.type == "Linear" or item.type.startswith("Conv")]


Piece = TypeVar("Piece")  # of inputs, as a reader takes them


class Reader(ABC, Generic[Piece]):
    """Collects the evidence on one network, piece by piece: what its kinds have in common.

    Attributes:
        role: "network a" or "network b" for messages; may be empty.
        device: Where the network is; None where it has no tensors.
        names: Of the hidden layers that are read, in order.
        read: How the network is read, CANONICAL_FORM or HOOKS.
        notes: What its user should know about that.
        choice: Which hidden layers are wanted.
        progress: Is told what was read.
    """

    read = CANONICAL_FORM

    def __init__(self, role: str, settings: Settings, choice: LayerChoice | None, *, with_shuffled: bool):
        """Begins without inputs.

        Args:
            role: For messages.
            settings: What decides the bits.
            choice: Which hidden layers are wanted; None for all.
            with_shuffled: Whether to collect what the chance level needs.
        """
        self.role = role
        self.device: torch.device | None = None
        self.names: list[str] = []
        self.notes: list[str] = []
        self._settings = settings
        self.choice = choice or LayerChoice()
        self.progress: Progress = SILENT
        self._with_shuffled = with_shuffled
        self._partners: Tensor | None = None
        self._layers: list[LayerBlocks] = []
        self._num_inputs = 0
        self._in_block = 0

    @property
    def evidence_device(self) -> torch.device | None:
        """Where signatures and sketches are."""
        return self.device

    def shuffle_all(self, num_inputs: int) -> None:
        """Says how many inputs will come: for the chance level of sketches, all of them are shuffled together.

        Otherwise inputs trade places within blocks.
        """
        if self._with_shuffled:
            inputs = torch.empty(num_inputs, dtype=torch.uint8, device=self.evidence_device)
            self._partners = ops.shuffle_partners(inputs, self._settings.seed)

    @abstractmethod
    def pieces(self, inputs: Inputs) -> Iterator[Piece]:
        """The inputs as :meth:`plan` and :meth:`add` take them."""

    @abstractmethod
    def plan(self, first: Piece, expected_inputs: int) -> int:
        """Prepares for inputs like those of the first piece. Returns the samples an input of the layer with most."""

    @abstractmethod
    def add(self, piece: Piece) -> None:
        """Takes the next inputs."""

    def _begin(self, samples_per_input: Sequence[int], expected_inputs: int) -> int:
        """Prepares for layers with so many samples an input. Returns the most."""
        self._layers = [
            LayerBlocks(self._settings, samples, self._with_shuffled, self._partners, expected_inputs)
            for samples in samples_per_input
        ]
        return max(samples_per_input)

    def _count(self, num_inputs: int) -> None:
        """Says that the layers were given the signatures of further inputs, which don't go beyond the block."""
        self._num_inputs += num_inputs
        self._in_block += num_inputs
        if self._in_block == BLOCK_INPUTS:
            self._finish_block()

    def _finish_block(self) -> None:
        for layer in self._layers:
            layer.finish_block(self._in_block)
        self._in_block = 0

    def start_sketching(self) -> None:
        """Turns signatures into sketches, those there are and those to come."""
        for layer in self._layers:
            layer.start_sketching()

    def evidence(self, method: str) -> Evidence:
        """All that was collected."""
        if self._in_block:
            self._finish_block()
        layers = tuple(layer.evidence(name) for layer, name in zip(self._layers, self.names, strict=True))
        partners = None
        if method == "exact" and self._with_shuffled:
            partners = self._partners
            if partners is None:
                partners = ops.shuffle_partners(layers[0].rows.new_empty(self._num_inputs), self._settings.seed)
        return Evidence(method, self._num_inputs, layers, self._settings, partners, self.read, tuple(self.notes))


class NetworkReader(Reader[Tensor]):
    """Reads a Sequential by operators, which have a forward pass of their own: it is neither run nor changed."""

    def __init__(
        self,
        role: str,
        model: nn.Sequential,
        settings: Settings,
        *,
        with_shuffled: bool,
        with_moments: bool = False,
        choice: LayerChoice | None = None,
    ):
        """Reads the network.

        Args:
            role: "network a" or "network b" for messages; may be empty.
            model: The network.
            settings: What decides the bits.
            with_shuffled: Whether to collect what the chance level needs.
            with_moments: Whether to collect the moments of hidden units from the same pass.
            choice: Which hidden layers are wanted; None for all.
        """
        super().__init__(role, settings, choice, with_shuffled=with_shuffled)
        self._with_moments = with_moments
        self._moments: list[Tensor] = []
        with naming(role):
            items = read_items(model)
        self.architecture = architecture_text(items)
        self.parameters = detached_tensors(items)
        self.device = self.parameters[0].device if self.parameters else None
        hidden = affine_places(items)[:-1]  # the outputs' layer is not hidden
        self._places = list(range(len(hidden)))
        if hidden:  # without any, plan() says so
            with naming(role):
                self._places = self.choice.places(hidden)
        self.names = [hidden[place] for place in self._places]
        self.input_shape: tuple[int, ...] = ()

    def pieces(self, inputs: Inputs) -> Iterator[Tensor]:
        """The inputs as :meth:`plan` and :meth:`add` take them."""
        return chunks(inputs)

    def plan(self, first: Tensor, expected_inputs: int) -> int:
        """Prepares for inputs like those of the first piece. Returns the samples an input of the layer with most."""
        self.input_shape = tuple(first.shape[1:])
        with naming(self.role):
            self._check_dtype(first.dtype)
            plan = plan_samples(self.architecture, self.input_shape, self._settings.operator_positions)
        return self._begin([plan[place][1] for place in self._places], expected_inputs)

    def add(self, piece: Tensor) -> None:
        """Takes the next inputs."""
        run = ops.network_signatures_with_moments if self._with_moments else ops.network_signatures
        with naming(self.role):
            try:
                result = run(
                    self.architecture,
                    self.parameters,
                    piece,
                    self._settings.margin,
                    self._settings.operator_positions,
                    self._settings.seed,
                    self._num_inputs,
                )
            except RuntimeError as error:
                if "NaN" not in str(error):
                    raise
                raise nan_error(str(error), in_inputs=holds_nan(piece)) from error
        signatures = result
        if self._with_moments:
            signatures, moments = result
            self._moments = merged_moments(self._moments, self._num_inputs, moments, len(piece))
        for layer, place in zip(self._layers, self._places, strict=True):
            layer.add(signatures[place])
        self._count(len(piece))
        self.progress.advance(len(piece))

    def _check_dtype(self, dtype: torch.dtype) -> None:
        """Has integers be refused with what to do about them; the rest is for operators to say."""
        wanted = self.parameters[0].dtype if self.parameters else dtype
        if not dtype.is_floating_point:
            names = [str(one).removeprefix("torch.") for one in (wanted, dtype)]
            raise RuntimeError(
                f"inputs must be {names[0]} like the parameters, got {names[1]}: {conversion(dtype, wanted)}"
            )

    @property
    def moments(self) -> list[Tensor]:
        """Of every hidden layer float64 ``[2, units]``: means and variances of canonical pre-activations."""
        return self._moments


class InputsSeen(Protocol):
    """Is given all inputs, piece by piece."""

    def add(self, piece: Any) -> None:
        """Takes the next inputs. The piece is valid during the call only."""


class InputsHash:
    """SHA-256 of the inputs' bytes in their order, the same for any split into batches.

    Batches of several tensors have a hash for each that has a row for each input, and one over these.
    """

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}

    def add(self, piece: Any) -> None:
        """Takes the next inputs."""
        count = num_inputs(piece)
        for path, tensor in named_tensors(piece):
            if tensor.dim() == 0 or len(tensor) != count:
                continue
            content = tensor.cpu().resolve_neg().flatten().view(torch.uint8).numpy().data
            self._hashes.setdefault(path, hashlib.sha256()).update(content)

    def hexdigest(self) -> str:
        """The hash of all inputs so far."""
        digests: dict[str, str] = {path: digest.hexdigest() for path, digest in self._hashes.items()}
        if len(digests) == 1:
            return next(iter(digests.values()))
        return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


def common_device(readers: Sequence[Reader[Any]]) -> torch.device:
    """The device of all networks; the CPU where none has tensors.

    Raises:
        ValueError: Names both where there are two.
    """
    somewhere = [reader for reader in readers if reader.device is not None]
    first = (somewhere or readers)[0]
    for reader in somewhere[1:]:
        if reader.device != first.device:
            raise ValueError(
                f"networks must be on one device, got {first.device} ({first.role}) and {reader.device} ({reader.role})"
            )
    return first.device or torch.device("cpu")


def collect(
    readers: Sequence[Reader[Piece]],
    inputs: Inputs,
    method: str,
    num_hashes: int,
    inputs_seen: InputsSeen | None = None,
    progress: Progress = SILENT,
) -> list[Evidence]:
    """Collects the evidence on networks in one pass over the inputs.

    Args:
        readers: The networks, of one kind.
        inputs: A tensor or batches, on the CPU or on the networks' device.
        method: "exact", "minhash", or "auto": exact as long as the layer with most samples has at most
            32 * num_hashes of them, so that a signature is no longer than a sketch.
        num_hashes: Of the rule of "auto".
        inputs_seen: Is given the inputs too.
        progress: Is told what was read.

    Returns:
        The evidence on each network; its method says which ran.
    """
    device = common_device(readers)
    for reader in readers:
        reader.progress = progress
    with exact_arithmetic():
        ran, count, most_samples = "exact", 0, 0
        expected_inputs = len(inputs) if isinstance(inputs, Tensor) and method == "exact" else 0
        for piece in readers[0].pieces(inputs):
            # What comes from a file or a DataLoader is on the CPU.
            there = on_device(piece, device)
            if count == 0:
                most_samples = max(reader.plan(there, expected_inputs) for reader in readers)
                _check_choices(readers)
            count += num_inputs(piece)
            is_long = count * most_samples > 32 * num_hashes
            if ran == "exact" and (method == "minhash" or (method == "auto" and is_long)):
                ran = "minhash"
                for reader in readers:
                    reader.start_sketching()
            if inputs_seen is not None:
                inputs_seen.add(piece)
            for reader in readers:
                reader.add(there)
        return [reader.evidence(ran) for reader in readers]


def _check_choices(readers: Sequence[Reader[Any]]) -> None:
    for choice in {id(reader.choice): reader.choice for reader in readers}.values():
        choice.check_all_used()
