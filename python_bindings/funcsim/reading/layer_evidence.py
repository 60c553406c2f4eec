"""When the units of hidden layers fire, and how that is gathered block by block while inputs come."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..settings import Settings
from .inputs import BLOCK_INPUTS

ops = torch.ops.funcsim

# How a network is read: by operators, scales removed; or run, and seen by hooks as it is.
CANONICAL_FORM = "canonical form"
HOOKS = "hooks"


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
    read: str = CANONICAL_FORM  # or HOOKS
    notes: tuple[str, ...] = ()  # what the network's user should know of how it was read

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


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


# Bytes of a unit's signature in one piece of memory, where it isn't known how many will come.
SEGMENT_BYTES = 1 << 15


class SignatureRows:
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


class LayerBlocks:
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
        self.samples_per_input = samples_per_input
        self._with_shuffled = with_shuffled
        self._partners = partners
        self._chunks: list[Tensor] = []  # signatures of the block that is being filled
        # Signatures of the blocks before; None: they are sketched.
        self._rows: SignatureRows | None = SignatureRows(-(-expected_inputs * samples_per_input // 8))
        self._sketch: Tensor | None = None
        self._shuffled: Tensor | None = None
        self._counts: Tensor | int = 0
        self._fingerprints: Tensor | int = 0
        self._num_inputs = 0  # of finished blocks

    def add(self, signatures: Tensor) -> None:
        """Takes signatures of further inputs of the block; all but the last of it are whole bytes."""
        self._chunks.append(signatures)

    def finish_block(self, num_inputs: int) -> None:
        """Says that the block is complete. Only the last block of all holds fewer than BLOCK_INPUTS inputs."""
        block = _joined(self._chunks)
        self._chunks.clear()
        samples, first = num_inputs * self.samples_per_input, self._num_inputs * self.samples_per_input
        counts, fingerprints = ops.signature_statistics(block, samples, first)
        self._counts = self._counts + counts
        self._fingerprints = self._fingerprints + fingerprints
        if self._rows is not None:
            self._rows.append(block)
        else:
            self._add_to_sketch(block, num_inputs, self._num_inputs)
        self._num_inputs += num_inputs

    def start_sketching(self) -> None:
        """Turns signatures into sketches, those there are and those to come."""
        rows, self._rows = self._rows, None
        if self._num_inputs > 0 and rows is not None:
            # Only the last block of all may be shorter, and it isn't finished before the end.
            blocks = rows.join().split(BLOCK_INPUTS * self.samples_per_input // 8, dim=1)
            for index, block in enumerate(blocks):
                self._add_to_sketch(block.contiguous(), BLOCK_INPUTS, index * BLOCK_INPUTS)

    def _add_to_sketch(self, block: Tensor, num_inputs: int, first_input: int) -> None:
        num_hashes, seed = self._settings.num_hashes, self._settings.seed
        samples, first_sample = num_inputs * self.samples_per_input, first_input * self.samples_per_input
        self._sketch = _merge(self._sketch, ops.minhash(block, samples, num_hashes, seed, first_sample))
        if not self._with_shuffled:
            return
        if self._partners is None:  # how many inputs will come isn't known: those of a block trade places
            partners = ops.shuffle_partners(self._sketch.new_empty(num_inputs), seed, first_input)
        else:
            partners = self._partners[first_input : first_input + num_inputs]
        shuffled = ops.shuffled_minhash(block, partners, self.samples_per_input, num_hashes, seed)
        self._shuffled = _merge(self._shuffled, shuffled)

    def evidence(self, name: str) -> LayerEvidence:
        """All that was added, for a layer of this name."""
        rows = self._sketch
        if self._rows is not None:
            rows, self._rows = self._rows.join(), None
        assert isinstance(rows, Tensor)
        assert isinstance(self._counts, Tensor)
        assert isinstance(self._fingerprints, Tensor)
        counts, fingerprints = self._counts.cpu(), self._fingerprints.cpu()
        return LayerEvidence(name, self.samples_per_input, rows, self._shuffled, counts, fingerprints)
