"""What the card can do, measured in the run that is compared with it, in CUDA and by PyTorch's operators."""

import json
import subprocess
from collections.abc import Callable, Mapping

import torch

from ..harness import Contestant, Effort, Limit, measure
from ..rooflines import executable
from .card import Card

PROGRAM = "cuda_rooflines"
MISSING = f"{PROGRAM} isn't built, which takes nvcc: limits are those that PyTorch's operators reach"
# What operators of PyTorch are measured on: mebibytes of memory, and the side of matrices.
SMOKE = (1, 64)
USUAL = (2048, 8192)


def with_torch(card: Card, effort: Effort, mebibytes: int, side: int) -> dict[str, Limit]:
    """Memory of the card, matrix products, and the way to the host, for which a quarter of the memory is enough."""
    source = torch.ones(mebibytes << 18, device=card.device)
    target = torch.empty_like(source)
    host = torch.ones(mebibytes << 16)
    pinned = torch.ones(mebibytes << 16, pin_memory=card.device.type == "cuda")
    quarter = target[: len(host)]
    x = card.normal(side, side)
    half, bytes_ = x.half(), x.mul(50).to(torch.int8)
    products = side**3
    ways: dict[str, tuple[Callable[[], object], int, str]] = {
        "torch sum": (source.sum, source.nbytes, "bytes"),
        "torch copy": (lambda: target.copy_(source), source.nbytes, "bytes"),
        "torch fp16 matmul": (lambda: half @ half.T, products, "multiply-adds"),
        "torch _int_mm": (lambda: torch._int_mm(bytes_, bytes_.T), products, "multiply-adds"),
        "to the host, pinned": (lambda: pinned.copy_(quarter, non_blocking=True), host.nbytes, "bytes"),
        "from the host, pinned": (lambda: quarter.copy_(pinned, non_blocking=True), host.nbytes, "bytes"),
        "to the host, pageable": (lambda: host.copy_(quarter), host.nbytes, "bytes"),
        "from the host, pageable": (lambda: quarter.copy_(host), host.nbytes, "bytes"),
    }
    contestants = [Contestant("torch", call) for call, _, _ in ways.values()]
    seconds, _ = measure(contestants, effort, card.clock)
    return {
        name: Limit(name, work / card.clock.typical(times)[0], unit)
        for (name, (_, work, unit)), times in zip(ways.items(), seconds, strict=True)
    }


def is_built() -> bool:
    """Whether there is the program."""
    return executable(PROGRAM).exists()


def with_program(scale: str) -> dict[str, Limit]:
    """By benchmarks/kernels/cuda_rooflines.cu; nothing where it isn't built."""
    if not is_built():
        return {}
    command = [str(executable(PROGRAM)), *(["--smoke"] if scale == "smoke" else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with {done.returncode}:\n{done.stdout}{done.stderr}")
    return limits_of(json.loads(done.stdout))


def limits_of(report: Mapping[str, object]) -> dict[str, Limit]:
    """Of the program's report."""
    rates = report["rates"]
    assert isinstance(rates, list)
    return {str(rate["name"]): Limit(str(rate["name"]), float(rate["rate"]), str(rate["unit"])) for rate in rates}


def measure_all(card: Card, scale: str, effort: Effort) -> dict[str, Limit]:
    """Limits by name. What stands in for a GPU in the tests has those of torch only."""
    limits = with_torch(card, effort, *(SMOKE if scale == "smoke" else USUAL))
    return limits | with_program(scale) if card.device.type == "cuda" else limits
