"""From samples to a few numbers, and the machine on which they were taken."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """How long something took, in milliseconds."""

    count: int
    median: float
    p90: float
    p99: float


def summary(samples: Sequence[float]) -> Summary:
    """Return median, 90th and 99th percentile (nearest rank)."""
    ordered = sorted(samples)

    def rank(percent: int) -> float:
        return round(ordered[max(-(-len(ordered) * percent // 100) - 1, 0)], 1)

    return Summary(count=len(ordered), median=rank(50), p90=rank(90), p99=rank(99))


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the numbers depend on."""

    processor: str
    processors: int
    memory_gib: int
    kernel: str
    #: Processes that wanted to run before the measurement began, over the last minute.
    load_before: float
    #: Part of the time that a host took away from this virtual machine since it started, in percent.
    steal_percent: float


def machine() -> Machine:
    """Return this machine as it is now."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    times = [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return Machine(
        processor=_processor(),
        processors=os.cpu_count() or 1,
        memory_gib=round(pages / 2**30),
        kernel=platform.release().partition("-")[0],
        load_before=round(os.getloadavg()[0], 1),
        steal_percent=round(100 * times[7] / sum(times), 1),
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
