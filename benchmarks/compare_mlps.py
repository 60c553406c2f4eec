"""Times compare of two MLPs next to their two plain forward passes: python benchmarks/compare_mlps.py [options]."""

import argparse
import statistics
import time
from collections.abc import Callable

import funcsim
import torch
from torch import Tensor, nn


def mlp(width: int, depth: int, seed: int) -> nn.Sequential:
    """A 784-width-...-width-10 ReLU MLP with PyTorch's initial weights."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    fan_in = 784
    for _ in range(depth):
        layers += [nn.Linear(fan_in, width), nn.ReLU()]
        fan_in = width
    return nn.Sequential(*layers, nn.Linear(fan_in, 10)).eval()


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Median time of a call after one that warms up."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def steps(a: nn.Sequential, b: nn.Sequential, inputs: Tensor) -> dict[str, Callable[[], object]]:
    """The parts of an exact comparison, each on its own."""
    ops = torch.ops.funcsim
    described = [(funcsim.describe(model), funcsim.parameters(model)) for model in (a, b)]
    samples = len(inputs)
    bits_a, bits_b = (ops.network_signatures(*network, inputs) for network in described)
    similarities = [ops.jaccard(x, y) for x, y in zip(bits_a, bits_b, strict=True)]
    shuffled = [ops.shuffle_samples(y, samples) for y in bits_b]
    unrelated = [ops.jaccard(x, y) for x, y in zip(bits_a, shuffled, strict=True)]
    return {
        "signatures (with forward passes)": lambda: [ops.network_signatures(*network, inputs) for network in described],
        "shuffled samples of b": lambda: [ops.shuffle_samples(y, samples) for y in bits_b],
        "Jaccard, with and without shuffle": lambda: [
            ops.jaccard(x, y) for ys in (bits_b, shuffled) for x, y in zip(bits_a, ys, strict=True)
        ],
        "assignments, one after the other": lambda: [
            ops.linear_sum_assignment(matrix, True) for matrix in similarities + unrelated
        ],
    }


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--depth", type=int, default=3, help="hidden layers")
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--method", default="auto", choices=["auto", "exact", "minhash"])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    a, b = mlp(options.width, options.depth, 1), mlp(options.width, options.depth, 2)
    inputs = torch.randn(options.inputs, 784, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def forwards() -> None:
        for model in (a, b):
            model(inputs)

    plain = median_seconds(forwards, options.repeats)
    whole = median_seconds(lambda: funcsim.compare(a, b, inputs, method=options.method), options.repeats)
    name = "-".join(["784", *[str(options.width)] * options.depth, "10"])
    print(f"two {name} MLPs, {options.inputs:,} inputs, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{'two plain forward passes':40s}{plain:8.3f} s")
    print(f"{'compare, method ' + options.method:40s}{whole:8.3f} s   {whole / plain:.2f} x the forward passes")
    if options.method != "minhash":
        for step, call in steps(a, b, inputs).items():
            print(f"  {step:38s}{median_seconds(call, options.repeats):8.3f} s")


if __name__ == "__main__":
    main()
