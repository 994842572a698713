"""Stops the processes of some directories when whoever started this has ended, however that was."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from deploy.paths import ROOT
from deploy.servers.marks import marks, stop_leftovers


def start_guard(*directories: Path) -> "subprocess.Popen[bytes]":
    """Start a guard; it works once the pipe of its standard input closes."""
    return subprocess.Popen(  # noqa: S603 - this module
        [sys.executable, "-m", "deploy.servers.guard", *directories],
        cwd=ROOT,
        env={**os.environ, **marks(directories[0], "")},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    for argument in sys.argv[1:]:
        stop_leftovers(Path(argument), but=os.getpid())


if __name__ == "__main__":
    _main()
