"""A running marketplace for the journeys: the same code as the quickstart, in a directory of this session's own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.errors import DeployError, Missing
from deploy.marketplace.fabric import FabricChoice
from tests.acceptance.town import Town
from tests.support.fabric.network import BINARIES, fabric_programs
from tests.support.servers import untested

__all__ = ["fabric_programs"]


class Towns:
    """At most one running marketplace at a time: two would only take each other's processors."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._directories = ExitStack()
        self._kind = ("", "")
        self._town: Town | None = None

    def on(self, database: str, ledger: str) -> Town:
        """Return the marketplace on a database and a ledger, started when it does not run yet."""
        if self._town is None or self._kind != (database, ledger):
            self.none()
            directory = Path(tempfile.mkdtemp(prefix="chainfaas-"))
            directory.chmod(0o755)
            self._directories.callback(shutil.rmtree, directory, ignore_errors=True)
            self._town = self._open.enter_context(_started(directory, database, ledger))
            self._kind = (database, ledger)
        return self._town

    def none(self) -> None:
        """Stop the one that runs; its directory stays until the end."""
        self._open.close()
        self._town = None

    def close(self) -> None:
        """Stop the one that runs, and remove all that they left."""
        self.none()
        self._directories.close()


@pytest.fixture(scope="session")
def towns() -> Iterator[Towns]:
    """Return what starts a marketplace when a journey first asks for it."""
    made = Towns()
    yield made
    made.close()


@pytest.fixture(scope="session", params=["embedded", "fabric"])
def ledger(request: pytest.FixtureRequest) -> str:
    """Each of the two ledgers; what runs on the same one runs together."""
    if request.param == "fabric":
        request.getfixturevalue("fabric_programs")
    return str(request.param)


@pytest.fixture
def town(towns: Towns, ledger: str) -> Town:
    """A running marketplace on SQLite."""
    return towns.on("sqlite", ledger)


def _started(directory: Path, database: str, ledger: str) -> Town:
    fabric = FabricChoice(binaries=BINARIES) if ledger == "fabric" else None
    try:
        return Town.start(directory, database=database, fabric=fabric)
    except Missing as error:
        untested(f"a real server is missing: {error}")
    except DeployError as error:
        # With the end of the log, which is removed with the directory.
        pytest.fail(error.explained(), pytrace=False)
