"""How we know a process as ours: by the marks that it, and whatever it starts, carries in its environment.

That is its identity: a process is stopped only while it holds the mark of its directory, so a reused process id is
never mistaken, and what a killed start has left behind is found.
"""

import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_DIRECTORY = "CHAINFAAS_SUPERVISED_IN"
_PROGRAM = "CHAINFAAS_PROGRAM"
#: How long what was asked to end may take before it is killed, and what was killed before something is wrong.
_ASK_SECONDS, KILL_SECONDS = 10, 60


def marks(directory: Path, program: str) -> dict[str, str]:
    """Return what a process of a directory carries in its environment."""
    return {_DIRECTORY: str(directory.resolve()), _PROGRAM: program}


def marked_processes(directory: Path) -> Iterator[int]:
    """Yield the ids of all living processes that carry the mark of `directory`."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and _program_of(int(entry.name), directory) is not None:
            yield int(entry.name)


def named_processes(directory: Path) -> dict[str, int]:
    """Return the ids of the marked processes that were started as programs, by name; not what those have started."""
    return {name: pid for pid in marked_processes(directory) if _leads(pid) and (name := _program_of(pid, directory))}


def _leads(pid: int) -> bool:
    """Return whether a process leads a session: each program begins one, which its children inherit."""
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False


def stop_leftovers(directory: Path, *, but: int | None = None) -> int:
    """End every process that still carries the mark of `directory`, and return how many there were."""
    found = 0
    for number, seconds in ((signal.SIGTERM, _ASK_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        pids = [pid for pid in marked_processes(directory) if pid not in (os.getpid(), but)]
        handles = [handle for pid in pids if (handle := _handle_of(pid, directory)) is not None]
        found = found or len(handles)
        for handle in handles:
            _send(handle, number)
        end = time.monotonic() + seconds
        for handle in handles:
            _has_ended(handle, end - time.monotonic())
            os.close(handle)
    return found


def end(pid: int, directory: Path, number: signal.Signals, seconds: float) -> bool:
    """Send a signal to a marked process, if it is there, and wait; return whether it is gone."""
    handle = _handle_of(pid, directory)
    if handle is None:
        return True
    try:
        _send(handle, number)
        return _has_ended(handle, seconds)
    finally:
        os.close(handle)


def _send(handle: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, number)


def _has_ended(handle: int, seconds: float) -> bool:
    """Wait until the process of a handle has let go of all that it held; return whether it has.

    A process that ends loses its environment, and so its marks, a while before its ports are free.
    """
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(max(seconds, 0) * 1_000))


def _handle_of(pid: int, directory: Path) -> int | None:
    """Open a handle of a process, to be closed by the caller; None when it is gone or lacks the mark."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    # Looked at again while the handle is open: from here on the id cannot belong to another process.
    if _program_of(pid, directory) is not None:
        return handle
    os.close(handle)
    return None


def _program_of(pid: int, directory: Path) -> str | None:
    """Return the name of a process's program, empty without one; None when it lacks the mark of `directory`."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return None
    found = dict(item.split("=", 1) for item in os.fsdecode(environment).split("\0") if "=" in item)
    return found.get(_PROGRAM, "") if found.get(_DIRECTORY) == str(directory.resolve()) else None
