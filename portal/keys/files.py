"""Files of the keys directory, written so that a run that is cut short leaves either the whole file or none."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".unfinished"


def prepare(directory: Path) -> None:
    """Make the directory, closed to others, and clear what a run that was cut short left in it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)
    for leftover in directory.glob(f".*{_SUFFIX}"):
        leftover.unlink(missing_ok=True)


def create(path: Path, content: bytes) -> bool:
    """Write a new file of mode 0600; return False, and leave it alone, when there is one."""
    with _unfinished(path, content) as unfinished, suppress(FileExistsError):
        path.hardlink_to(unfinished)
        _sync_directory(path.parent)
        return True
    return False


def replace(path: Path, content: bytes) -> None:
    """Write a file of mode 0600 in place of another."""
    with _unfinished(path, content) as unfinished:
        unfinished.replace(path)
        _sync_directory(path.parent)


@contextmanager
def _unfinished(path: Path, content: bytes) -> Iterator[Path]:
    unfinished = path.parent / f".{path.name}.{secrets.token_hex(4)}{_SUFFIX}"
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
