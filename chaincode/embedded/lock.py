"""One writer: an advisory lock beside the ledger's file that ends with the process that holds it."""

import fcntl
import os
from pathlib import Path

from chaincode.embedded.errors import StoreInUse


class WriterLock:
    """The right to write to a ledger's file."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        :raises StoreInUse: when another process holds it.
        """
        self._path = path.with_name(f"{path.name}.lock")
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 20).decode(errors="replace") or "unknown"
            os.close(self._descriptor)
            raise StoreInUse(f"process {holder} writes to {path}: stop it first (it runs the recorder)") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the lock back; twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
