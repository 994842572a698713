"""The demo function's image: a static C program where there is a compiler, else Python."""

import shutil
import subprocess
from pathlib import Path, PurePosixPath

from deploy.images.image import Image
from deploy.images.python_closure import python_files

_FUNCTIONS = Path(__file__).parent / "functions"


def demo_image(directory: Path) -> Image:
    """Return the image of the demo function; `directory` keeps what is compiled.

    :raises Missing: when there is neither a C compiler nor Debian's Python.
    """
    return _compiled(directory) or _interpreted()


def _compiled(directory: Path) -> Image | None:
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "word-count"
    made = subprocess.run(  # noqa: S603 - the project's own source
        [compiler, "-O2", "-static", "-s", "-o", target, _FUNCTIONS / "word_count.c"], capture_output=True, check=False
    )
    if made.returncode:
        # A compiler without the static C library.
        return None
    return Image(entrypoint=["/word-count"], files={PurePosixPath("/word-count"): target})


def _interpreted() -> Image:
    program = PurePosixPath("/word_count.py")
    files = {**python_files(), program: _FUNCTIONS / "word_count.py"}
    return Image(entrypoint=["/usr/bin/python3", "-I", "-S", str(program)], files=files)
