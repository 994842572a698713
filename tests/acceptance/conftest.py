"""A running marketplace for the journeys: the same code as the quickstart, in a directory of this session's own."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from deploy.errors import Missing
from tests.acceptance.town import Town
from tests.support.servers import in_ci

Towns = Callable[[str], Town]


@pytest.fixture(scope="session")
def towns() -> Iterator[Towns]:
    """Return a running marketplace on a database; each is started when a journey first asks for it."""
    running: dict[str, Town] = {}
    with ExitStack() as closing:

        def on(database: str) -> Town:
            if database not in running:
                directory = Path(tempfile.mkdtemp(prefix="chainfaas-"))
                directory.chmod(0o755)
                closing.callback(shutil.rmtree, directory, ignore_errors=True)
                running[database] = closing.enter_context(_started(directory, database))
            return running[database]

        yield on


@pytest.fixture
def town(towns: Towns) -> Town:
    """A running marketplace on SQLite."""
    return towns("sqlite")


def _started(directory: Path, database: str) -> Town:
    try:
        return Town.start(directory, database=database)
    except Missing as error:
        if in_ci():
            pytest.fail(f"a real server is missing: {error}", pytrace=False)
        pytest.skip(f"NOT TESTED, a real server is missing: {error}")
