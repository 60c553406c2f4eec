"""What a run was measured on, and whether it had the machine to itself."""

import importlib.metadata
import os
import pathlib
import platform
import re
import resource
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[1]

# They pin a library to the kernels of another processor, or take some away. That slows peers down for reasons that have
# nothing to do with them, so the harness drops these.
PINNING = (
    "ATEN_CPU_CAPABILITY",
    "MKL_CBWR",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "NPY_ENABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
# Each package has its own name for the number of threads.
THREADS = ("MKL_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
FLAGS = (
    "popcnt",
    "avx2",
    "avx512f",
    "avx512bw",
    "avx512vbmi",
    "avx512_bitalg",
    "avx512_vpopcntdq",
    "amx_int8",
    "asimd",
    "sve",
)
PACKAGES = ("torch", "numpy", "scipy", "lapx", "numkong", "rensa", "datasketch")
# Other processes' share of the processors' time from which figures are noise.
MOST_FOREIGN = 0.05


def environment(threads: int, given: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """For a run with so many threads, and which variables were dropped."""
    dropped = sorted(set(PINNING) & set(given))
    kept = {name: value for name, value in given.items() if name not in dropped}
    return kept | dict.fromkeys(THREADS, str(threads)), dropped


def available_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def _read(path: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _field(text: str, *names: str) -> str:
    found = (re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE) for name in names)
    return next((match[1] for match in found if match), "")


def _caches() -> list[str]:
    caches = []
    for index in range(8):
        folder = f"/sys/devices/system/cpu/cpu0/cache/index{index}"
        level, kind, size = (_read(f"{folder}/{name}") for name in ("level", "type", "size"))
        if level and kind != "Instruction":
            sharing = _read(f"{folder}/shared_cpu_list")
            caches.append(f"L{level} {size}" + (f" (shared by CPUs {sharing})" if re.search("[-,]", sharing) else ""))
    return caches


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def describe(threads: int, simd_level: str, dropped: list[str]) -> dict[str, object]:
    """The machine, the versions, and the settings that matter."""
    # This module is wanted before libraries may be loaded.
    import funcsim  # noqa: PLC0415
    import torch  # noqa: PLC0415

    cpu, memory = _read("/proc/cpuinfo"), _read("/proc/meminfo")
    flags = set(_field(cpu, "flags", "Features").split())
    return {
        "cpu": _field(cpu, "model name", "CPU part") or platform.machine(),
        "cpu family and model": f"{_field(cpu, 'cpu family')} / {_field(cpu, 'model')}",
        "cores": available_cores(),
        "caches": _caches(),
        "memory": f"{int(_field(memory, 'MemTotal').split()[0] or 0) / 2**20:.0f} GiB",
        "flags": [flag for flag in FLAGS if flag in flags],
        "simd level": simd_level,
        "forced simd level": os.environ.get("FUNCSIM_SIMD", ""),
        "threads": threads,
        "dropped variables": dropped,
        "torch cpu capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "packages": {"funcsim": funcsim.__version__, **{name: _version(name) for name in PACKAGES}},
        "commit": _commit(),
        "load average": [round(load, 2) for load in os.getloadavg()],
    }


@dataclass
class Watch:
    """Over the share of the processors' time that went to others."""

    started: float
    busy: float
    own: float

    @classmethod
    def start(cls) -> "Watch":
        """From now on."""
        return cls(time.monotonic(), busy_seconds(), own_seconds())

    def foreign_share(self) -> float:
        """Of all processors' time since the start, other processes' and that stolen by other virtual machines."""
        elapsed = max(time.monotonic() - self.started, 1e-3)
        foreign = (busy_seconds() - self.busy) - (own_seconds() - self.own)
        return min(max(0.0, foreign) / (elapsed * (os.cpu_count() or 1)), 1.0)


def busy_seconds() -> float:
    """That processors weren't idle, all together."""
    fields = _read("/proc/stat").splitlines()[:1]
    if not fields:
        return 0.0
    user, nice, system, _, _, interrupts, soft_interrupts, steal = map(int, fields[0].split()[1:9])
    return (user + nice + system + interrupts + soft_interrupts + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Processor time of this process and those that it waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def foreign_share_now(seconds: float = 0.5) -> float:
    """Measured by waiting."""
    watch = Watch.start()
    time.sleep(seconds)
    return watch.foreign_share()
