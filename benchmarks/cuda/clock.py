"""Times calls on a device that works while the host goes on."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from ..harness import without_collector

# A call that took fewer seconds is made again for its second time: the first loads kernels and libraries.
REPEATED = 10.0
# Before a shorter call, the device still flushes its cache when the host comes to the call. So it begins at once, and
# what the host needs to start kernels is hidden, as it is in a program that has more to do than this call.
HIDDEN = 0.01


class Event(Protocol):
    """A point in the device's work."""

    def record(self) -> None:
        """Now, after what the host has asked for so far."""

    def seconds_since(self, earlier: "Event") -> float:
        """Both must have passed."""


class Device(Protocol):
    """What it takes to time a device."""

    def new_event(self) -> Event:
        """Not recorded yet."""

    def flush(self) -> None:
        """Fills the cache with clean lines that nobody wants. Doesn't wait."""

    def synchronize(self) -> None:
        """Waits for all work."""


class EventClock:
    """Seconds between two events of a device, with its cache full of other things before. The median counts."""

    def __init__(self, device: Device):
        """Of a device."""
        self._device = device

    def first(self, call: Callable[[], object]) -> tuple[object, float]:
        """The answer is that of the first call."""
        start = time.perf_counter()
        answer = call()
        self._device.synchronize()
        seconds = time.perf_counter() - start
        return answer, self.seconds(call, REPEATED) if seconds < REPEATED else seconds

    def calls(self, expected: float) -> int:
        """One: after it, the cache holds what the next would ask for."""
        del expected
        return 1

    def seconds(self, call: Callable[[], object], expected: float) -> float:
        """What a call starts belongs to it until it is done."""
        start, end = self._device.new_event(), self._device.new_event()
        self._device.synchronize()
        with without_collector():
            self._device.flush()
            if expected > HIDDEN:
                self._device.synchronize()
            start.record()
            call()
            end.record()
        self._device.synchronize()
        return end.seconds_since(start)

    def typical(self, seconds: Sequence[float]) -> tuple[float, float | None]:
        """The median, and the distance of the quartiles as a share of it, if there is more than one."""
        median = statistics.median(seconds)
        if len(seconds) < 2:
            return median, None
        lower, _, upper = statistics.quantiles(seconds, n=4, method="inclusive")
        return median, (upper - lower) / median
