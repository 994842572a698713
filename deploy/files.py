"""Files and directories that are there whole or not at all, and secrets that only their owner reads."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from deploy.servers.waiting import wait_for

#: As long as the longest command takes on a busy machine.
_ALONE_SECONDS = 300


def write(path: Path, content: bytes, *, secret: bool = False) -> None:
    """Write a file in place of another; a secret one has mode 0600 from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if secret else 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    unfinished.replace(path)


def secret_file(path: Path, text: str) -> Path:
    """Write a file that only its owner can read, and return it."""
    write(path, text.encode(), secret=True)
    return path


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield an empty directory that takes the name `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield unfinished
        if path.exists():
            shutil.rmtree(path)
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def alone(root: Path, seconds: float = _ALONE_SECONDS) -> Iterator[None]:
    """Let one command at a time change what is in a directory, or start and stop its processes.

    :raises NotReady: when another one does not end.
    """
    with (root / ".lock").open("w") as lock:
        wait_for(f"another command in {root} to end", lambda: _locked(lock), seconds)
        yield


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
