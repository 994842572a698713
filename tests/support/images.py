"""Images in the session's registry: the demo function, and Python that runs what its environment says."""

import platform
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.images.demo import demo_image
from deploy.images.image import Image
from deploy.images.push import push
from deploy.images.python_closure import python_files
from deploy.servers.registry import RegistryServer

#: Runs the source text in the environment variable PROGRAM.
_RUN_PROGRAM = "import os; exec(os.environ['PROGRAM'])"


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """Image links that the session's registry serves."""

    #: Reads its input, answers its size, SHA-256 and number of words in JSON.
    demo: str
    #: Runs the Python source in its environment variable PROGRAM; input on stdin, result on stdout.
    python: str

    @property
    def architecture(self) -> str:
        """This machine's, as Docker names it."""
        return {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


@pytest.fixture(scope="session")
def images(registry: RegistryServer, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The two images, pushed once a session; each link pins its digest."""
    python = Image(entrypoint=["/usr/bin/python3", "-I", "-S", "-c", _RUN_PROGRAM], files=python_files())
    demo = demo_image(Path(tmp_path_factory.mktemp("demo")))

    def pushed(image: Image, name: str) -> str:
        return f"{registry.host}/{name}@{push(image, registry_url=registry.url, repository=name, tag='1')}"

    return Images(demo=pushed(demo, "word-count"), python=pushed(python, "python"))
