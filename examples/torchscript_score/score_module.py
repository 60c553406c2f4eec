"""Saves a scoring module and inputs for run_score.cpp: python score_module.py MODULE INPUTS.

The module holds two networks, as text and tensors, and scores the inputs it is given. Once saved it needs no Python.
"""

import argparse

import funcsim
import torch
from torch import Tensor, nn


class Score(nn.Module):
    """Similarity of two networks on the inputs it is called with."""

    def __init__(self, a: nn.Sequential, b: nn.Sequential):
        """Takes over what the operators need to know of the networks."""
        super().__init__()
        self.architecture_a, self.architecture_b = funcsim.describe(a), funcsim.describe(b)
        self.parameters_a, self.parameters_b = funcsim.parameters(a), funcsim.parameters(b)

    def forward(self, inputs: Tensor) -> Tensor:
        """The score, a float64 scalar."""
        score: Tensor = torch.ops.funcsim.compare(
            self.architecture_a, self.parameters_a, self.architecture_b, self.parameters_b, inputs
        )[0]
        return score


def mlp() -> nn.Sequential:
    """A small network with PyTorch's initial weights."""
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 3))


def main() -> None:
    """Writes both files and prints the score that run_score will print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", help="file to write the module to")
    parser.add_argument("inputs", help="file to write the inputs to")
    options = parser.parse_args()

    torch.manual_seed(0)
    module = torch.jit.script(Score(mlp(), mlp()))
    inputs = torch.randn(1000, 20)
    module.save(options.module)
    torch.save(inputs, options.inputs)
    print(repr(module(inputs).item()))


if __name__ == "__main__":
    main()
