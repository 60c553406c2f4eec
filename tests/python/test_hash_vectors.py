"""The vectors of docs/hash.md against a re-implementation in Python and against the operators."""

import math
import pathlib
import re

import funcsim
import numpy as np
import pytest
import torch
from oracle import bits, hashing, resampling
from torch import nn

ops = torch.ops.funcsim
PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "hash.md").read_text(encoding="utf-8")
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def _table(*columns: str) -> list[list[str]]:
    """The rows of the table with these columns."""
    heading = re.escape("| " + " | ".join(columns) + " |")
    (body,) = re.findall(rf"^{heading}\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in body.splitlines()]


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"-?\d+", text)]


STREAMS = _table("seed", "purpose", "index", "hash")
SLOTS = [_numbers(" ".join(row)) for row in _table("seed", "num_hashes", "sample", "slot", "value")]
POSITIONS = _table("seed", "P", "input", "point", "grid", "position")
PAIRINGS = _table("seed", "first input", "partners")
SHUFFLES = _table("seed", "shuffle", "sources")
DRAWS = _table("seed", "inputs", "replicate", "blocks")
FINGERPRINTS = _table("samples on which the unit fires", "fingerprint")


def test_purposes_have_the_numbers_of_the_page() -> None:
    assert {name: int(number) for name, number, *_ in _table("purpose", "number", "index", "for")} == hashing.PURPOSES


@pytest.mark.parametrize(("seed", "purpose", "index", "expected"), STREAMS)
def test_streams(seed: str, purpose: str, index: str, expected: str) -> None:
    assert hashing.stream(int(seed), purpose, int(index)) == int(expected, 16)


@pytest.mark.parametrize(("seed", "num_hashes", "sample", "slot", "value"), SLOTS)
def test_slots_and_values(seed: int, num_hashes: int, sample: int, slot: int, value: int) -> None:
    assert hashing.slot_and_value(num_hashes, seed, sample) == (slot, value)
    sketch = ops.minhash(torch.ones((1, 1), dtype=torch.uint8), 1, num_hashes, seed, sample)
    expected = torch.full((1, num_hashes), hashing.EMPTY, dtype=torch.int32)
    expected[0, slot] = value
    assert torch.equal(sketch, expected)


def _operator_position(seed: int, points: int, input_index: int, point: int, grid: list[int]) -> list[int]:
    """Reads a point's position from a network's signatures.

    Channels of the input spell out the coordinates in binary, and the hidden layer copies them.
    """
    digits = [max(1, (size - 1).bit_length()) for size in grid]
    spelled = [[(axis >> d) & 1 for d in range(count)] for axis, count in zip(np.indices(grid), digits, strict=True)]
    channels = np.concatenate(spelled)
    width = len(channels)
    convolution = CONVOLUTIONS[len(grid)]
    model = nn.Sequential(convolution(width, width, 1, bias=False), nn.ReLU(), convolution(width, 1, 1))
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(width).reshape(width, width, *[1] * len(grid)))
    inputs = torch.from_numpy(channels[None].astype(np.float32))
    (signature,) = ops.network_signatures(
        funcsim.describe(model), list(funcsim.parameters(model)), inputs, 0.0, points, seed, input_index
    )
    fires = iter(bits.unpack(signature.numpy(), points)[:, point])
    return [sum(int(next(fires)) << d for d in range(count)) for count in digits]


@pytest.mark.parametrize(("seed", "points", "input_index", "point", "grid", "position"), POSITIONS)
def test_positions(seed: str, points: str, input_index: str, point: str, grid: str, position: str) -> None:
    arguments = int(seed), int(points), int(input_index), int(point)
    sizes, expected = _numbers(grid), _numbers(position)
    assert [hashing.coordinate(*arguments, k, tuple(sizes)) for k in range(len(sizes))] == expected
    row_major = hashing.grid_points(int(input_index), 1, int(points), tuple(sizes), int(seed))[0, int(point)]
    assert row_major == sum(c * math.prod(sizes[k + 1 :]) for k, c in enumerate(expected))
    assert _operator_position(*arguments, sizes) == expected


@pytest.mark.parametrize(("seed", "first", "partners"), PAIRINGS)
def test_pairings(seed: str, first: str, partners: str) -> None:
    expected = _numbers(partners)
    count = len(expected)
    assert hashing.pairing(count, int(seed), int(first)) == expected
    one_unit_an_input = torch.from_numpy(bits.pack_bits(np.eye(count, dtype=bool)))
    shuffled = ops.shuffle_samples(one_unit_an_input, count, 1, int(seed), int(first))
    assert bits.unpack(shuffled.numpy(), count).argmax(axis=0).tolist() == expected


@pytest.mark.parametrize(("seed", "shuffle", "sources"), SHUFFLES)
def test_shuffles(seed: str, shuffle: str, sources: str) -> None:
    """Unit i fires on input i only, and the shuffled other network's unit where input i went: they meet there alone."""
    expected = _numbers(sources)
    count, number = len(expected), int(shuffle)
    assert resampling.shuffle_sources(count, int(seed), number) == expected
    one_unit_an_input = torch.from_numpy(bits.pack_bits(np.eye(count, dtype=bool)))
    for source in range(count):
        for place in range(count):
            arguments = ([one_unit_an_input[[place]]], [one_unit_an_input[[source]]], [count], count, number + 1)
            score = ops.shuffled_scores(*arguments, int(seed))[number, 0]
            assert score.item() == (expected[place] == source)


@pytest.mark.parametrize(("seed", "inputs", "replicate", "blocks"), DRAWS)
def test_draws(seed: str, inputs: str, replicate: str, blocks: str) -> None:
    """Against a unit that is always on, a unit that fires on one input has the share of draws that are that input."""
    count, number = int(inputs), int(replicate)
    expected = _numbers(blocks)
    assert resampling.drawn_inputs(count, int(seed), number).tolist() == expected
    for fires in range(count):
        a = torch.tensor([[1 << fires]], dtype=torch.uint8)
        b = torch.tensor([[(1 << count) - 1]], dtype=torch.uint8)
        scores = ops.bootstrap_scores([a], [b], [torch.tensor([0])], [count], count, number + 1, int(seed))
        assert scores[number, 0].item() == pytest.approx(expected.count(fires) / count)


@pytest.mark.parametrize(("samples", "expected"), FINGERPRINTS)
def test_fingerprints(samples: str, expected: str) -> None:
    fires = np.zeros((1, 66), dtype=bool)
    fires[0, _numbers(samples)] = True
    assert hashing.fingerprint(fires) == [int(expected, 16)]
    _, fingerprints = ops.signature_statistics(torch.from_numpy(bits.pack_bits(fires)), 66)
    assert fingerprints.item() % 2**64 == int(expected, 16)


def test_fingerprints_count_words_from_the_first_sample_on() -> None:
    """A sample of a later batch is hashed by its global index."""
    fires = np.array([[True]])
    (expected,) = (int(value, 16) for samples, value in FINGERPRINTS if samples == "64")
    assert hashing.fingerprint(fires, 64) == [expected]
    _, fingerprints = ops.signature_statistics(torch.from_numpy(bits.pack_bits(fires)), 1, 64)
    assert fingerprints.item() % 2**64 == expected
