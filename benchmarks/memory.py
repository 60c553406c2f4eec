"""Peak memory of compare by the number of inputs, each in a fresh process.

That is ``python -m benchmarks.memory METHOD WIDTH INPUTS HOW``.
"""

import json
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .machine import ROOT
from .settings import Settings
from .targets import Target

NAME = "memory"
BATCH = 1000
DEPTH = 3
FEATURES = 784
STREAMED, IN_MEMORY = "streamed", "in memory"


@dataclass(frozen=True)
class Peak:
    """Of one comparison, above what the process took before: networks, libraries and, where in memory, inputs."""

    method: str
    how: str
    width: int
    inputs: int
    bytes: int

    @property
    def bits(self) -> float:
        """Bytes of the signatures of both networks."""
        return 2 * DEPTH * self.width * self.inputs / 8


def _status(field: str) -> int:
    text = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def measure_here(method: str, width: int, inputs: int, how: str) -> int:
    """Bytes that compare takes at its peak above what was there."""
    # Here, so that they are loaded in the process that is measured only.
    import funcsim  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from .data import mlp  # noqa: PLC0415

    a, b = (mlp([FEATURES, *[width] * DEPTH, 10], seed) for seed in (1, 2))
    random = torch.Generator().manual_seed(0)

    def batches() -> Iterator[torch.Tensor]:
        for start in range(0, inputs, BATCH):
            yield torch.randn(min(BATCH, inputs - start), FEATURES, generator=random)

    given = torch.cat(list(batches())) if how == IN_MEMORY else batches()
    funcsim.compare(a, b, torch.randn(BATCH, FEATURES), method="exact")  # starts threads, loads libraries
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # forget the peak so far
    before = _status("VmRSS")
    funcsim.compare(a, b, given, method=method)
    return _status("VmHWM") - before


def run(settings: Settings) -> Iterator[Peak]:
    """All methods, ways and sizes."""
    width = settings.pick(64, 512, 512)
    sizes = settings.pick((500, 2500), (20_000, 80_000, 320_000), (20_000, 40_000, 80_000, 160_000, 320_000))
    for how in settings.pick((STREAMED,), (STREAMED,), (STREAMED, IN_MEMORY)):
        for method in ("exact", "minhash"):
            for inputs in sizes:
                command = [sys.executable, "-m", "benchmarks.memory", method, str(width), str(inputs), how]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr}")
                yield Peak(method, how, width, inputs, json.loads(done.stdout))


def growth(peaks: Sequence[Peak]) -> float | None:
    """Bytes an input, by least squares."""
    if len({peak.inputs for peak in peaks}) < 2:
        return None
    return float(np.polyfit([peak.inputs for peak in peaks], [peak.bytes for peak in peaks], 1)[0])


def targets(peaks: Sequence[Peak]) -> list[Target]:
    """Those of memory. A megabyte either way is the allocator's."""
    found = []
    for how in (STREAMED, IN_MEMORY):
        exact, sketched = (
            [peak for peak in peaks if (peak.method, peak.how) == (method, how)] for method in ("exact", "minhash")
        )
        if not exact and how == IN_MEMORY:
            continue
        slope = growth(exact)
        share = slope / (exact[0].bits / exact[0].inputs) if slope is not None else None
        flat = None
        if len(sketched) > 1:
            most = max(sketched, key=lambda peak: peak.inputs)
            fewer = max((peak for peak in sketched if 4 * peak.inputs <= most.inputs), key=lambda peak: peak.inputs)
            flat = most.bytes / max(fewer.bytes, 2**20)
        found += [
            Target(NAME, f"exact, {how}: bytes an input over those of its bits, both networks", "at most", 2, share),
            Target(
                NAME, f"minhash, {how}: peak with most inputs over that with a quarter of them", "at most", 1.2, flat
            ),
        ]
    return found


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])))
