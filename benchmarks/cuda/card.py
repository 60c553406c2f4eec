"""The GPU: whether there is one, what it is, and how calls on it are timed."""

import os
import pathlib
import shutil
import subprocess
from dataclasses import dataclass

import funcsim  # noqa: F401  # registers the operators
import torch
from torch import Tensor

from ..harness import Clock
from .clock import EventClock

FLUSHED_CACHES = 4  # so many times the cache is read to have nothing else left there
ASKED = (
    "driver_version",
    "power.limit",
    "clocks.max.sm",
    "clocks.sm",
    "clocks.mem",
    "temperature.gpu",
    "ecc.mode.current",
)


@dataclass(frozen=True)
class Card:
    """A device with its clock."""

    device: torch.device
    clock: Clock

    def _random(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed)

    def normal(self, rows: int, columns: int, seed: int = 0) -> Tensor:
        """Standard normal numbers, drawn on the device."""
        return torch.randn(rows, columns, device=self.device, generator=self._random(seed))

    def uniform(self, rows: int, columns: int, seed: int) -> Tensor:
        """Between 0 and 1."""
        return torch.rand(rows, columns, device=self.device, generator=self._random(seed))


class _CudaEvent:
    def __init__(self) -> None:
        self.event = torch.cuda.Event(enable_timing=True)

    def record(self) -> None:
        self.event.record()

    def seconds_since(self, earlier: object) -> float:
        assert isinstance(earlier, _CudaEvent)
        return float(earlier.event.elapsed_time(self.event)) / 1000


class CudaDevice:
    """What the clock needs of a GPU."""

    def __init__(self, device: torch.device):
        """Takes some of its memory."""
        cache = torch.cuda.get_device_properties(device).L2_cache_size
        self._device = device
        self._unwanted = torch.zeros(max(256 << 20, FLUSHED_CACHES * cache) // 4, dtype=torch.int32, device=device)

    def new_event(self) -> _CudaEvent:
        """On the current stream."""
        return _CudaEvent()

    def flush(self) -> None:
        """By reading: what is written would be on its way to memory while others are timed."""
        torch.amax(self._unwanted)

    def synchronize(self) -> None:
        """All streams."""
        torch.cuda.synchronize(self._device)


def find() -> Card:
    """The current CUDA device, warmed up: libraries of matrix products take long to load."""
    device = torch.device("cuda", torch.cuda.current_device())
    for dtype in (torch.float32, torch.float16):
        square = torch.ones(64, 64, dtype=dtype, device=device)
        square @ square
    bytes_ = torch.ones(64, 64, dtype=torch.int8, device=device)
    torch._int_mm(bytes_, bytes_)
    return Card(device, EventClock(CudaDevice(device)))


def problem() -> str:
    """Why no card can be measured, with what was looked at; "" where one can."""
    if not torch.cuda.is_available():
        return f"There is no CUDA device. Looked at {'; '.join(_looked_at())}."
    signatures = torch.zeros(8, 1, dtype=torch.uint8, device="cuda")
    try:
        torch.ops.funcsim.jaccard(signatures, signatures)
        torch.ops.funcsim.synchronize(signatures)
    except RuntimeError as error:
        name = torch.cuda.get_device_name()
        return f"There is one, {name}, but funcsim can't use it: {str(error).splitlines()[0]}"
    return ""


def _looked_at() -> list[str]:
    built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
    try:
        torch.cuda.init()
        said = "which sees no device"
    except (RuntimeError, AssertionError) as error:
        said = f"which says: {str(error).splitlines()[0].split('. ', maxsplit=1)[0]}"
    nodes = sorted(path.name for path in pathlib.Path("/dev").glob("nvidia[0-9]*"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [
        f"torch {torch.__version__} ({built}), {said}",
        f"/dev/nvidia* ({', '.join(nodes) or 'none'})",
        f"nvidia-smi ({shutil.which('nvidia-smi') or 'not on PATH'})",
        f"CUDA_VISIBLE_DEVICES ({'not set' if visible is None else repr(visible)})",
    ]


def describe(card: Card) -> dict[str, object]:
    """The card, and what it said of itself at this moment."""
    if card.device.type != "cuda":
        return {"card": f"none: {card.device}"}
    properties = torch.cuda.get_device_properties(card.device)
    return {
        "card": properties.name,
        "compute capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "memory of the card": f"{properties.total_memory / 2**30:.0f} GiB",
        "L2 cache": f"{properties.L2_cache_size / 2**20:.0f} MiB",
        "CUDA of torch": torch.version.cuda,
        "nvidia-smi": _nvidia_smi(),
    }


def _nvidia_smi() -> list[str]:
    command = ["nvidia-smi", f"--query-gpu={','.join(ASKED)}", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return []
    values = done.stdout.strip().split(", ")
    return [f"{name} {value}" for name, value in zip(ASKED, values, strict=False)] if done.returncode == 0 else []
