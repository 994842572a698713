"""The agent as its users have it: a wheel, built from the tracked files alone and installed by pipx."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, PathDistribution
from importlib.util import find_spec
from pathlib import Path

import pytest

from provider_agent import __version__
from tests.support.servers import untested

ROOT = Path(__file__).parents[3]
#: To build and to install: both fetch packages.
SECONDS = 300
#: Imports each module of the agent, and tells which.
IMPORT_ALL = """
import chainfaas_agent, importlib, pathlib, pkgutil, sys
sys.path.insert(0, str(pathlib.Path(chainfaas_agent.__file__).parent / "rooms"))
agent = importlib.import_module("provider_agent")
for found in pkgutil.walk_packages(agent.__path__, "provider_agent."):
    importlib.import_module(found.name)
    print(found.name)
"""
pytestmark = pytest.mark.timeout(2 * SECONDS)


def told(command: Sequence[str | Path], *, cwd: Path, **environment: str) -> str:
    """Run a command elsewhere than in the repository and return what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What pipx made."""

    command: Path
    python: Path
    distribution: Distribution
    directory: Path

    def says(self, *words: str) -> str:
        return told([self.command, *words], cwd=self.directory)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index, and pipx."""
    if find_spec("pipx") is None:
        untested("pipx is missing")
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--retries=1", *needed]
    place = tmp_path_factory.mktemp("index")
    done = subprocess.run(fetch, cwd=place, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        untested(f"no package index can be reached: {done.stderr.splitlines()[-1]}")


@pytest.fixture(scope="module")
def wheel(index: None, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001 - it has to be there
    """The wheel of the files that git knows or would know."""
    directory = tmp_path_factory.mktemp("wheel")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, told(listing, cwd=ROOT).split("\0")):
        copy = directory / "source" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps"]
    told([*build, "--wheel-dir", directory, directory / "source"], cwd=directory)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel, with all that it may need, installed in a directory of its own."""
    directory = tmp_path_factory.mktemp("pipx")
    places = {"PIPX_HOME": "home", "PIPX_BIN_DIR": "bin", "PIPX_MAN_DIR": "man"}
    told(
        [sys.executable, "-m", "pipx", "install", f"chainfaas-agent[fabric] @ {wheel.as_uri()}"],
        cwd=directory,
        **{name: str(directory / place) for name, place in places.items()},
    )
    venv = directory / "home/venvs/chainfaas-agent"
    (metadata,) = venv.glob("lib/python3.*/site-packages/chainfaas_agent-*.dist-info")
    return Installation(
        command=directory / "bin/chainfaas-agent",
        python=venv / "bin/python",
        distribution=PathDistribution(metadata),
        directory=directory,
    )


def test_the_command_explains_itself_and_tells_its_version(installed: Installation) -> None:
    assert "Run functions on this machine" in installed.says("--help")
    assert installed.says("--version") == f"chainfaas-agent, version {__version__}\n"
    assert "--docker-host" in installed.says("doctor", "--help")
    assert "JOB_ID" in installed.says("claim-status", "--help")


def test_it_is_one_package_of_its_own_name(installed: Installation) -> None:
    site = Path(str(installed.distribution.locate_file("")))
    files = installed.distribution.files or []
    ours = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert {file.parts[0] for file in files} - {".."} == {"chainfaas_agent", f"chainfaas_agent-{__version__}.dist-info"}
    assert len(ours) > 5
    assert [name for name in ours if (site / name).exists()] == []


def test_it_tells_its_licence_and_has_it(installed: Installation) -> None:
    metadata = installed.distribution.metadata

    assert (metadata["Name"], metadata["Version"]) == ("chainfaas-agent", __version__)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in (installed.distribution.read_text("licenses/LICENSE") or "")


def test_every_module_of_the_agent_can_be_imported(installed: Installation) -> None:
    modules = told([installed.python, "-I", "-c", IMPORT_ALL], cwd=installed.directory).split()

    tracked = {path.relative_to(ROOT).with_suffix("") for path in (ROOT / "provider_agent").rglob("*.py")}
    names = {".".join(path.parts).removesuffix(".__init__") for path in tracked}
    assert set(modules) == names - {"provider_agent", "provider_agent.installed"}
