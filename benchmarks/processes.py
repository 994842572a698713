"""What processes use: processor time and memory, with all that they started."""

import os
from collections.abc import Mapping
from pathlib import Path


def processor_ms(pids: Mapping[str, int]) -> dict[str, float]:
    """Return how much processor time each process and its children, those that have ended too, have used."""
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    return {name: tick * sum(sum(_times(one)) for one in _family(pid)) for name, pid in sorted(pids.items())}


def memory_mib(pids: Mapping[str, int]) -> dict[str, int]:
    """Return the resident memory of each process; of one with children, the largest of the family."""
    page = os.sysconf("SC_PAGE_SIZE")
    return {name: max(_resident(one) for one in _family(pid)) * page // 2**20 for name, pid in sorted(pids.items())}


def _family(pid: int) -> list[int]:
    children = [int(word) for task in _tasks(pid) for word in _read(task / "children").split()]
    return [pid, *(one for child in children for one in _family(child))]


def _tasks(pid: int) -> list[Path]:
    return list(Path(f"/proc/{pid}/task").glob("*"))


def _times(pid: int) -> list[int]:
    """Return user and system time, its own and that of children that have ended, in ticks."""
    return [int(word) for word in _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[11:15]]


def _resident(pid: int) -> int:
    words = _read(Path(f"/proc/{pid}/statm")).split()
    return int(words[1]) if words else 0


def _read(path: Path) -> str:
    """Return what a file of /proc says; nothing when its process has ended meanwhile."""
    try:
        return path.read_text()
    except OSError:
        return ""
