"""Small calls of every operator."""

import itertools

import funcsim
import torch
from torch import Tensor, nn

ops = torch.ops.funcsim
generator = torch.Generator().manual_seed(0)


def random_bits(units: int, num_samples: int) -> Tensor:
    return ops.activation_signatures(torch.randn(num_samples, units, generator=generator))


def mlp(seed: int, hidden: tuple[int, ...] = (7, 5)) -> nn.Sequential:
    torch.manual_seed(seed)
    sizes = (6, *hidden)
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 3)).eval().requires_grad_(False)


def cnn(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(100, 6), nn.ReLU(),
        nn.Linear(6, 3),
    )  # fmt: skip
    return model.eval().requires_grad_(False)


def described(model: nn.Sequential) -> tuple[str, list[Tensor]]:
    return funcsim.describe(model), funcsim.parameters(model)


A, B, DEEP, CONV = described(mlp(1)), described(mlp(2)), described(mlp(3, (7, 6, 5))), described(cnn(4))
ROWS = torch.randn(20, 6, generator=generator)
IMAGES = torch.randn(9, 2, 5, 5, generator=generator)
BITS = [random_bits(5, 21), random_bits(4, 21)]
OTHER = [random_bits(6, 21), random_bits(4, 21)]
SHUFFLED = [ops.shuffle_samples(bits, 21) for bits in OTHER]
PARTNERS = torch.tensor([4, 0, 6, 2, 2, 1, 5])
MOMENTS = [ops.network_signatures_with_moments(*network, ROWS)[1] for network in (A, B)]
CORRELATIONS = ops.activation_correlations(*A, *B, ROWS, [])
SKETCHES = [ops.minhash(bits, 21, 16) for bits in BITS]

MATCHED = [torch.tensor([3, -1, 5, 0, 2]), torch.tensor([1, 0, 3, 2])]
ALIKE = [torch.randn(7, 7, generator=generator), torch.randn(5, 5, generator=generator)]
MATCHES = [torch.tensor([6, 5, 4, 3, 2, 1, 0]), torch.tensor([1, -1, 0, 4, 2])]

CALLS: dict[str, list[tuple]] = {
    "activation_signatures": [(torch.randn(13, 5, generator=generator), 0.1), (torch.randn(8, 3).half(),)],
    "minhash": [(BITS[0], 21, 16, 3, 5)],
    "jaccard": [(BITS[0], OTHER[0])],
    "minhash_jaccard": [(SKETCHES[0], SKETCHES[1])],
    "linear_sum_assignment": [(torch.randn(4, 6, generator=generator), True), (torch.arange(12).reshape(4, 3),)],
    "linear_sum_assignment_with_duals": [(torch.randn(4, 6, generator=generator), True), (torch.eye(3),)],
    "signature_statistics": [(BITS[0], 21, 64)],
    "shuffle_samples": [(BITS[0], 7, 3, 2, 0)],
    "shuffle_partners": [(ROWS, 3, 5)],
    "shuffled_minhash": [(BITS[0], torch.tensor([4, 0, 9, 2, 2, 1, 8]), 3, 16, 2)],
    "synchronize": [(ROWS,)],
    "phi": [(BITS[0], OTHER[0], 21)],
    "canonicalize": [A, CONV],
    "activation_correlations": [
        (*A, *B, ROWS, []),
        (*A, *B, ROWS, CORRELATIONS, 16, 0, 20),
        (*CONV, *CONV, IMAGES, [], 0),
    ],
    "match_units": [(*A, *B, []), (*A, *B, ALIKE, True, 2), (*CONV, *CONV, [])],
    "align_parameters": [(*A, *B, MATCHES, ROWS), (*A, *B, MATCHES, ROWS, True)],
    "merge_parameters": [
        (A[0], [*A[1], *B[1]], [0.25, 0.75], [], ROWS),
        (A[0], [*A[1], *B[1]], [0.25, 0.75], [*MOMENTS[0], *MOMENTS[1]], ROWS),
        (CONV[0], [*CONV[1], *CONV[1], *CONV[1]], [0.5, 0.25, 0.25], [], IMAGES, False),
    ],
    "network_signatures": [(*A, ROWS, 0.1), (*CONV, IMAGES), (*CONV, IMAGES, 0.0, 0), (*CONV, IMAGES, 0.0, -1)],
    "network_signatures_with_moments": [(*A, ROWS, 0.1), (*CONV, IMAGES)],
    "network_activations": [(*A, ROWS), (*CONV, IMAGES), (*CONV, IMAGES, 0)],
    "network_sketches": [(*A, ROWS, 0.0, 16, 0, 32), (*CONV, IMAGES, 0.0, 16, 0, 32)],
    "compare": [(*A, *B, ROWS), (*CONV, *CONV, IMAGES, "minhash", 32)],
    "compare_with_chance": [(*A, *DEEP, ROWS), (*CONV, *CONV, IMAGES, "minhash", 32)],
    "compare_layers": [
        (BITS, OTHER, SHUFFLED, [21, 21], [21, 21]),
        (BITS, OTHER, SHUFFLED, [21, 21], [21, 21], "phi", [1, 0]),
        (SKETCHES, SKETCHES, SKETCHES, [21, 21], [21, 21]),
        (BITS, OTHER, [], [21, 21], [21, 21], "jaccard", [], PARTNERS),
    ],
    "boundary_counts": [
        (*A, ROWS, torch.tensor([[0.1, 0.5], [0.0, 2.0]], dtype=torch.float64)),
        (*CONV, IMAGES, torch.full((2, 1), 0.3, dtype=torch.float64)),
        (*CONV, IMAGES, torch.full((2, 3), 0.3, dtype=torch.float64), 0.1, -1),
    ],
    "signature_cka": [(BITS[0], OTHER[0], 21), (BITS[0], OTHER[0], 21, True)],
    "bootstrap_scores": [
        (BITS, OTHER, MATCHED, [21, 21], 7, 10),
        (BITS, OTHER, MATCHED, [21, 21], 21, 200, 3, "phi"),
    ],
    "shuffled_scores": [(BITS, OTHER, [21, 21], 7, 3), (BITS, OTHER, [21, 21], 21, 2, 5, "phi")],
    "layer_scores": [
        (BITS, OTHER, [21, 21], [21, 21]),
        (BITS, OTHER, [21, 21], [21, 21], "phi"),
        (BITS, OTHER, [21, 21], [21, 21], "jaccard", PARTNERS),
    ],
}
