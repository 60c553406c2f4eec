"""Shuffles that Python makes one by one are those of the operator."""

import itertools

import pytest
import torch
from funcsim.shuffle_sources import shuffle_sources
from random_bits import packed, random_bits

ops = torch.ops.funcsim


@pytest.mark.parametrize("num_inputs", [1, 2, 7, 300, 4099])
@pytest.mark.parametrize("seed", [0, 5, -(2**63), 2**63 - 1])
def test_scores_are_those_of_the_operator(num_inputs: int, seed: int) -> None:
    for per_input, similarity in itertools.product((1, 3), ("jaccard", "phi")):
        samples = num_inputs * per_input
        a, b = packed(random_bits(6, samples, 1)), packed(random_bits(9, samples, 2))
        expected = ops.shuffled_scores([a], [b], [samples], num_inputs, 4, seed, similarity)[:, 0]
        got = [
            ops.layer_scores([a], [b], [samples], [samples], similarity, sources)
            for sources in shuffle_sources(num_inputs, seed, 4)
        ]
        assert torch.equal(torch.stack(got).flatten(), expected)
