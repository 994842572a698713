"""Debian's own Python with its standard library and the shared libraries it needs, as an image's files."""

import re
import subprocess
from pathlib import Path, PurePosixPath

from deploy.errors import Missing

_PYTHON = Path("/usr/bin/python3")
#: Parts of the standard library that no function needs.
_LEFT_OUT = frozenset({"test", "tests", "idlelib", "ensurepip", "distutils", "lib2to3", "tkinter", "turtledemo"})
_LIBRARY = re.compile(r"(/\S+) \(0x")


def python_files() -> dict[PurePosixPath, Path]:
    """Return path in the container -> file of this machine; `/usr/bin/python3` runs there.

    :raises Missing: when Debian's Python is not installed.
    """
    if not _PYTHON.exists():
        raise Missing("Debian's python3 is not installed: apt-get install python3")
    interpreter = _PYTHON.resolve()
    library = Path("/usr/lib") / interpreter.name
    sources = {path for path in library.rglob("*") if _is_wanted(path, library)}
    extensions = [path for path in sources if path.suffix == ".so"]
    files = {PurePosixPath(path): path for path in sources | _shared_libraries([interpreter, *extensions])}
    return {**files, PurePosixPath(_PYTHON): interpreter, PurePosixPath(interpreter): interpreter}


def _is_wanted(path: Path, library: Path) -> bool:
    parts = path.relative_to(library).parts
    return path.is_file() and not _LEFT_OUT.intersection(parts) and not parts[0].startswith("config-")


def _shared_libraries(programs: list[Path]) -> set[Path]:
    listed = subprocess.run(  # noqa: S603 - fixed program, files of the system's own Python
        ["ldd", *map(str, programs)],  # noqa: S607 - part of the C library, wherever that is
        capture_output=True,
        check=True,
        text=True,
    )
    return {Path(found) for found in _LIBRARY.findall(listed.stdout)}
