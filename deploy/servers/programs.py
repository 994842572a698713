"""Where the servers' programs are installed."""

import os
import shutil
from pathlib import Path

from deploy.errors import Missing

#: Debian keeps these off the path.
_ELSEWHERE = ("/usr/sbin", "/sbin", "/usr/lib/rabbitmq/bin", "/usr/local/sbin")


def program(name: str, *, package: str) -> Path:
    """Return where a program is.

    :raises Missing: when it is not installed; the message names Debian's package.
    """
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_ELSEWHERE]))
    if found is None:
        raise Missing(f"{name} is not installed: apt-get install {package}")
    return Path(found)
