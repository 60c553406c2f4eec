"""What of networks' hidden layers gets compared, and how it is collected from a stream of inputs."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor, nn

from ._library import plan_samples
from .describe import architecture_text, detached_tensors, read_items
from .inputs import BLOCK_INPUTS, Inputs, chunks
from .item_writer import Item
from .modes import exact_arithmetic
from .moments import merged_moments
from .settings import Settings

ops = torch.ops.funcsim


@dataclass(frozen=True, eq=False)
class LayerEvidence:
    """One hidden layer: when its units fire, as signatures or sketches.

    Attributes:
        name: Place of the affine layer in its network, for example "0" or "3.0".
        samples_per_input: 1, or more for a layer whose units have a grid of positions.
        rows: Signatures, uint8 ``[units, ceil(samples / 8)]``; or sketches, int32 ``[units, num_hashes]``.
        shuffled: The sketches with the inputs shuffled, for the chance level.
        counts: int64 ``[units]``: samples on which a unit fires. On the CPU, and so is the next.
        fingerprints: int64 ``[units]``: equal for units with equal signatures.
    """

    name: str
    samples_per_input: int
    rows: Tensor
    shuffled: Tensor | None
    counts: Tensor
    fingerprints: Tensor

    @property
    def units(self) -> int:
        """Output features of a Linear, output channels of a convolution."""
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Evidence:
    """A network's hidden layers, in order."""

    method: str  # "exact": signatures, "minhash": sketches
    num_inputs: int
    layers: tuple[LayerEvidence, ...]
    settings: Settings
    partners: Tensor | None = None  # int64 [inputs], of signatures: who trades places for the chance level

    def cpu(self) -> "Evidence":
        """The same in memory of the host: where sketches are kept and compared."""
        layers = tuple(
            replace(layer, rows=layer.rows.cpu(), shuffled=None if layer.shuffled is None else layer.shuffled.cpu())
            for layer in self.layers
        )
        return replace(self, layers=layers, partners=None if self.partners is None else self.partners.cpu())

    @property
    def shuffled(self) -> list[Tensor]:
        """The sketches of the layers with the inputs shuffled; none of signatures."""
        return [layer.shuffled for layer in self.layers if layer.shuffled is not None]

    @property
    def num_samples(self) -> list[int]:
        """Samples of each layer."""
        return [self.num_inputs * layer.samples_per_input for layer in self.layers]


@contextmanager
def naming(role: str) -> Iterator[None]:
    """Puts the network's role before the message of an error."""
    try:
        yield
    except (RuntimeError, ValueError, TypeError) as error:
        if not role or type(error) not in (RuntimeError, ValueError, TypeError):
            raise
        raise type(error)(f"{role}: {error}") from error


def affine_places(items: Sequence[Item]) -> list[str]:
    """Places of the affine layers, in order. All but the last are hidden."""
    return [item.place for item in items if item.type == "Linear" or item.type.startswith("Conv")]


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


# Bytes of a unit's signature in one piece of memory, where it isn't known how many will come.
SEGMENT_BYTES = 1 << 15


class _SignatureRows:
    """Signatures of samples one after the other, in few large pieces of memory.

    A tensor for each chunk would be simpler, but would lie among the activations of its chunk: when these are freed it
    leaves a hole in which those of the next chunk don't fit, and the process would grow as if it kept them all.
    """

    def __init__(self, expected_bytes: int):
        """Begins without samples.

        Args:
            expected_bytes: Of each unit's signature in the end. It may become longer.
        """
        self._expected = expected_bytes
        self._full: list[Tensor] = []
        self._last: Tensor | None = None  # the one that is being filled,
        self._used = 0  # so many bytes of it
        self._bytes = 0  # in all

    def append(self, signatures: Tensor) -> None:
        """Adds signatures of further samples. All but the last are whole bytes."""
        new = signatures.shape[1]
        if self._last is None or self._used + new > self._last.shape[1]:
            if self._last is not None:
                self._full.append(self._last[:, : self._used])
            wanted = max(self._expected - self._bytes, min(self._bytes, SEGMENT_BYTES))
            self._last, self._used = signatures.new_empty(len(signatures), max(wanted, new)), 0
        self._last[:, self._used : self._used + new] = signatures
        self._used += new
        self._bytes += new

    def join(self) -> Tensor:
        """All signatures, contiguous."""
        last = [] if self._last is None else [self._last[:, : self._used]]
        return _joined([*self._full, *last]).contiguous()


def _merge(sketch: Tensor | None, new: Tensor) -> Tensor:
    return new if sketch is None else torch.minimum(sketch, new, out=sketch)


class _LayerBlocks:
    """One hidden layer while inputs come: signatures of whole blocks, or their sketch."""

    def __init__(
        self,
        settings: Settings,
        samples_per_input: int,
        with_shuffled: bool,
        partners: Tensor | None,
        expected_inputs: int,
    ):
        self._settings = settings
        self._samples = samples_per_input
        self._with_shuffled = with_shuffled
        self._partners = partners
        self._chunks: list[Tensor] = []  # signatures of the block that is being filled
        # Signatures of the blocks before; None: they are sketched.
        self._rows: _SignatureRows | None = _SignatureRows(-(-expected_inputs * samples_per_input // 8))
        self._sketch: Tensor | None = None
        self._shuffled: Tensor | None = None
        self._counts: Tensor | int = 0
        self._fingerprints: Tensor | int = 0
        self._num_inputs = 0  # of finished blocks

    def add(self, signatures: Tensor) -> None:
        self._chunks.append(signatures)

    def finish_block(self, num_inputs: int) -> None:
        block = _joined(self._chunks)
        self._chunks.clear()
        samples, first = num_inputs * self._samples, self._num_inputs * self._samples
        counts, fingerprints = ops.signature_statistics(block, samples, first)
        self._counts = self._counts + counts
        self._fingerprints = self._fingerprints + fingerprints
        if self._rows is not None:
            self._rows.append(block)
        else:
            self._add_to_sketch(block, num_inputs, self._num_inputs)
        self._num_inputs += num_inputs

    def start_sketching(self) -> None:
        rows, self._rows = self._rows, None
        if self._num_inputs > 0 and rows is not None:
            # Only the last block of all may be shorter, and it isn't finished before the end.
            blocks = rows.join().split(BLOCK_INPUTS * self._samples // 8, dim=1)
            for index, block in enumerate(blocks):
                self._add_to_sketch(block.contiguous(), BLOCK_INPUTS, index * BLOCK_INPUTS)

    def _add_to_sketch(self, block: Tensor, num_inputs: int, first_input: int) -> None:
        num_hashes, seed = self._settings.num_hashes, self._settings.seed
        samples, first_sample = num_inputs * self._samples, first_input * self._samples
        self._sketch = _merge(self._sketch, ops.minhash(block, samples, num_hashes, seed, first_sample))
        if not self._with_shuffled:
            return
        if self._partners is None:  # how many inputs will come isn't known: those of a block trade places
            partners = ops.shuffle_partners(self._sketch.new_empty(num_inputs), seed, first_input)
        else:
            partners = self._partners[first_input : first_input + num_inputs]
        shuffled = ops.shuffled_minhash(block, partners, self._samples, num_hashes, seed)
        self._shuffled = _merge(self._shuffled, shuffled)

    def evidence(self, name: str) -> LayerEvidence:
        rows = self._sketch
        if self._rows is not None:
            rows, self._rows = self._rows.join(), None
        assert isinstance(rows, Tensor)
        assert isinstance(self._counts, Tensor)
        assert isinstance(self._fingerprints, Tensor)
        return LayerEvidence(name, self._samples, rows, self._shuffled, self._counts.cpu(), self._fingerprints.cpu())


class NetworkReader:
    """Collects the evidence on one network, chunk by chunk. The network is read, not run or changed."""

    def __init__(
        self,
        role: str,
        model: nn.Sequential,
        settings: Settings,
        *,
        with_shuffled: bool,
        with_moments: bool = False,
    ):
        """Reads the network.

        Args:
            role: "network a" or "network b" for messages; may be empty.
            model: The network.
            settings: What decides the bits.
            with_shuffled: Whether to collect what the chance level needs.
            with_moments: Whether to collect the moments of hidden units from the same pass.
        """
        self.role = role
        self._settings = settings
        self._with_shuffled = with_shuffled
        self._with_moments = with_moments
        self._moments: list[Tensor] = []
        self._partners: Tensor | None = None
        with naming(role):
            items = read_items(model)
        self.architecture = architecture_text(items)
        self.parameters = detached_tensors(items)
        self.device = self.parameters[0].device if self.parameters else None
        self.names = affine_places(items)[:-1]  # the outputs' layer is not hidden
        self.input_shape: tuple[int, ...] = ()
        self._layers: list[_LayerBlocks] = []
        self._num_inputs = 0
        self._in_block = 0

    def shuffle_all(self, num_inputs: int) -> None:
        """Says how many inputs will come: for the chance level of sketches, all of them are shuffled together.

        Otherwise inputs trade places within blocks.
        """
        if self._with_shuffled:
            inputs = torch.empty(num_inputs, dtype=torch.uint8, device=self.device)
            self._partners = ops.shuffle_partners(inputs, self._settings.seed)

    def plan(self, input_shape: Sequence[int], expected_inputs: int) -> int:
        """Prepares for inputs of this shape. Returns the samples an input of the layer that has most."""
        self.input_shape = tuple(input_shape)
        with naming(self.role):
            plan = plan_samples(self.architecture, input_shape, self._settings.operator_positions)
        self._layers = [
            _LayerBlocks(self._settings, samples, self._with_shuffled, self._partners, expected_inputs)
            for _, samples in plan
        ]
        return max(samples for _, samples in plan)

    def add(self, chunk: Tensor) -> None:
        """Takes the next inputs: those of a chunk of :func:`inputs.chunks`."""
        run = ops.network_signatures_with_moments if self._with_moments else ops.network_signatures
        with naming(self.role):
            result = run(
                self.architecture,
                self.parameters,
                chunk,
                self._settings.margin,
                self._settings.operator_positions,
                self._settings.seed,
                self._num_inputs,
            )
        signatures = result
        if self._with_moments:
            signatures, moments = result
            self._moments = merged_moments(self._moments, self._num_inputs, moments, len(chunk))
        for layer, rows in zip(self._layers, signatures, strict=True):
            layer.add(rows)
        self._num_inputs += len(chunk)
        self._in_block += len(chunk)
        if self._in_block == BLOCK_INPUTS:
            self._finish_block()

    @property
    def moments(self) -> list[Tensor]:
        """Of every hidden layer float64 ``[2, units]``: means and variances of canonical pre-activations."""
        return self._moments

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
        return Evidence(method, self._num_inputs, layers, self._settings, partners)


class InputsSeen(Protocol):
    """Is given all inputs, chunk by chunk."""

    def add(self, chunk: Tensor) -> None:
        """Takes the next inputs. The chunk is valid during the call only."""


class InputsHash:
    """SHA-256 of the inputs' bytes in their order, the same for any split into batches."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, chunk: Tensor) -> None:
        """Takes the next inputs."""
        self._hash.update(chunk.cpu().resolve_neg().flatten().view(torch.uint8).numpy().data)

    def hexdigest(self) -> str:
        """The hash of all inputs so far."""
        return self._hash.hexdigest()


def common_device(readers: Sequence[NetworkReader]) -> torch.device:
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
    readers: Sequence[NetworkReader],
    inputs: Inputs,
    method: str,
    num_hashes: int,
    inputs_seen: InputsSeen | None = None,
) -> list[Evidence]:
    """Collects the evidence on networks in one pass over the inputs.

    Args:
        readers: The networks.
        inputs: A tensor or batches, on the CPU or on the networks' device.
        method: "exact", "minhash", or "auto": exact as long as the layer with most samples has at most
            32 * num_hashes of them, so that a signature is no longer than a sketch.
        num_hashes: Of the rule of "auto".
        inputs_seen: Is given the inputs too.

    Returns:
        The evidence on each network; its method says which ran.
    """
    device = common_device(readers)
    with exact_arithmetic():
        ran, num_inputs, most_samples = "exact", 0, 0
        expected_inputs = len(inputs) if isinstance(inputs, Tensor) and method == "exact" else 0
        for chunk in chunks(inputs):
            if num_inputs == 0:
                most_samples = max(reader.plan(chunk.shape[1:], expected_inputs) for reader in readers)
            num_inputs += len(chunk)
            is_long = num_inputs * most_samples > 32 * num_hashes
            if ran == "exact" and (method == "minhash" or (method == "auto" and is_long)):
                ran = "minhash"
                for reader in readers:
                    reader.start_sketching()
            if inputs_seen is not None:
                inputs_seen.add(chunk)
            # What comes from a file or a DataLoader is on the CPU; from one device to another nothing goes unasked.
            there = chunk.to(device) if chunk.is_cpu else chunk
            for reader in readers:
                reader.add(there)
        return [reader.evidence(ran) for reader in readers]
