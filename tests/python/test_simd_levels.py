"""One instruction set or another: chosen, refused, and never a difference in the results."""

import os
import pathlib
import re
import subprocess
import sys

import built
import funcsim
import pytest

LEVELS = ("neon", "avx2", "avx512")

# Shapes that fill no register, whatever its width, and values that are often equal.
RESULTS = """
import hashlib, sys, torch, funcsim
ops = torch.ops.funcsim
generator = torch.Generator().manual_seed(0)
said = []
def add(*tensors):
    for tensor in tensors:
        said.append(hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()[:12])
def network(seed, width):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(20, width), torch.nn.ReLU(), torch.nn.Linear(width, width), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 3)).eval()
def tally(result):
    said.append(f"{result.score!r} {result.chance!r} {result.standard_error!r}")
    for layer in result.layers:
        add(layer.matches, layer.similarities)
for samples, units in ((3000, 77), (130, 33), (7, 1), (1, 260)):
    z = (torch.randn(samples, units, generator=generator) * 3).round()
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        bits = ops.activation_signatures(z.to(dtype), 0.5)
        add(bits, ops.activation_signatures(z.to(dtype).t().contiguous().t(), 0.5))
    other = ops.activation_signatures((z + torch.randn(z.shape, generator=generator)).flip(1)[:, : units // 2 + 1])
    sketches, others = ops.minhash(bits, samples, 200), ops.minhash(other, samples, 200)
    jaccard, estimated = ops.jaccard(bits, other), ops.minhash_jaccard(sketches, others)
    add(sketches, others, jaccard, estimated, ops.shuffle_samples(bits, samples))
    add(*ops.signature_statistics(bits, samples))
    for costs in (jaccard, estimated, torch.randn(units, 50, generator=generator, dtype=torch.float64)):
        add(*ops.linear_sum_assignment(costs, True), *ops.linear_sum_assignment(costs))
a, b = network(0, 70), network(1, 50)
inputs = torch.randn(600, 20, generator=generator)
for method in ("exact", "minhash"):
    tally(funcsim.compare(a, b, inputs, method=method))
tally(funcsim.compare(a, b, inputs, similarity="phi"))
print(funcsim.simd_level(), *said, sep="\\n")
"""


def run(program: str, level: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "FUNCSIM_SIMD"}
    if level is not None:
        environment["FUNCSIM_SIMD"] = level
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.fixture(scope="module")
def supported() -> list[str]:
    """The names that the refusal of a wrong one lists."""
    said = run("import funcsim; funcsim.simd_level()", "none of them").stderr
    found = re.search(r"have \(([^)]*)\), got", said)
    assert found is not None, said
    return found[1].split(", ")


def test_the_best_one_is_chosen(supported: list[str]) -> None:
    assert supported[0] == "portable"
    if "FUNCSIM_SIMD" not in os.environ:
        assert funcsim.simd_level() == supported[-1]
    flags = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    assert ("avx2" in supported) == (" avx2 " in flags)
    assert ("avx512" in supported) == all(
        f" {flag} " in flags for flag in ("avx512_vpopcntdq", "avx512_vbmi2", "avx512_bitalg")
    )


def test_results_are_the_same_on_all(supported: list[str]) -> None:
    results = {}
    for level in supported:
        done = run(RESULTS, level)
        assert done.returncode == 0, done.stderr
        name, *results[level] = done.stdout.splitlines()
        assert name == level
    assert len(results["portable"]) > 100
    for level in supported:
        assert results[level] == results["portable"], level


@pytest.mark.parametrize("name", ["AVX512", "sse2", "avx2,portable", "neo"])
def test_another_name_is_refused_by_the_operators(name: str) -> None:
    done = run("import funcsim, torch; x = torch.ones(1, 1).byte(); torch.ops.funcsim.jaccard(x, x)", name)
    assert done.returncode == 1
    error = done.stderr.splitlines()
    assert any(
        line.startswith("RuntimeError: ")
        and "FUNCSIM_SIMD must name an instruction set that this machine and this build of funcsim have (portable"
        in line
        and line.endswith(f'), got "{name}"')
        for line in error
    ), done.stderr


@pytest.mark.built_with_torch
def test_loops_leave_no_copies_of_other_functions() -> None:
    """A function that several files hold may be taken from any of them, so from one for instructions that lack here."""
    objects = [
        file
        for file in (built.BUILD / "csrc" / "kernels" / "CMakeFiles" / "funcsim_kernels.dir").rglob("*.o")
        if file.name.removesuffix(".cpp.o").rsplit("_", 1)[-1] in LEVELS
    ]
    assert objects, "no loops for any instruction set: were they built?"
    for file in objects:
        symbols = subprocess.run(["nm", "-C", file], capture_output=True, text=True, check=True).stdout
        shared = [line for line in symbols.splitlines() if re.match(r"[0-9a-f ]{16} [WVuw] ", line)]
        assert not shared, f"{file.name}: {shared}"
