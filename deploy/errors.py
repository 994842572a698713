"""What can go wrong while the system is installed, started or stopped."""

from pathlib import Path

_TAIL_LINES = 15


class DeployError(Exception):
    """Something that is needed did not start or is not there; the message says what, and what to do."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log

    def explained(self) -> str:
        """Return the message, where the log is, and its last lines."""
        if self.log is None:
            return str(self)
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"{self} (log: {self.log})", *(f"    {line}" for line in lines[-_TAIL_LINES:])])


class Missing(DeployError):
    """A program that is needed is not installed; the message names it and how to install it."""


class NotReady(DeployError):
    """Something was waited for and did not come in time."""
