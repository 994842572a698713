"""A running marketplace for the journeys: the same code as the quickstart, in a directory of this session's own."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.errors import Missing
from tests.acceptance.town import Town
from tests.support.servers import in_ci


class Towns:
    """At most one running marketplace at a time: two would only take each other's processors."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._database = ""
        self._town: Town | None = None

    def on(self, database: str) -> Town:
        """Return the marketplace on a database, started when it does not run yet."""
        if self._town is None or self._database != database:
            self.none()
            directory = Path(tempfile.mkdtemp(prefix="chainfaas-"))
            directory.chmod(0o755)
            self._open.callback(shutil.rmtree, directory, ignore_errors=True)
            self._town, self._database = self._open.enter_context(_started(directory, database)), database
        return self._town

    def none(self) -> None:
        """Stop the one that runs."""
        self._open.close()
        self._town = None


@pytest.fixture(scope="session")
def towns() -> Iterator[Towns]:
    """Return what starts a marketplace when a journey first asks for it."""
    made = Towns()
    yield made
    made.none()


@pytest.fixture
def town(towns: Towns) -> Town:
    """A running marketplace on SQLite."""
    return towns.on("sqlite")


@pytest.fixture(scope="session")
def quiet(towns: Towns) -> None:
    """Nothing else runs."""
    towns.none()


def _started(directory: Path, database: str) -> Town:
    try:
        return Town.start(directory, database=database)
    except Missing as error:
        if in_ci():
            pytest.fail(f"a real server is missing: {error}", pytrace=False)
        pytest.skip(f"NOT TESTED, a real server is missing: {error}")
