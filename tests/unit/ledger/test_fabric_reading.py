"""Reading and proving a ledger on Fabric that is larger than a page and does not stand still."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ledger.errors import LedgerDamaged, LedgerUnavailable
from ledger.fabric.ledger import FabricReader
from ledger.fabric.verification import verify
from tests.support.embedded import Recorded
from tests.support.ledger import KEYS, NO_FEES, World, marketplace
from wire.ledger import names
from wire.ledger.blocks import Block
from wire.ledger.records import FeePolicy

_GENESIS = KEYS.genesis(NO_FEES)


class Moving(FabricReader):
    """A Fabric network's reader on the blocks of another ledger, which goes on after each page."""

    def __init__(self, world: World, meanwhile: Callable[[], object]) -> None:
        assert isinstance(world.ledger, Recorded)
        self._other = world.ledger.ledger
        self._meanwhile = meanwhile
        self._peers: Any = SimpleNamespace(current="first peer")
        #: What the state says instead of the truth.
        self.lies: dict[str, str | None] = {}

    @property
    def height(self) -> int:
        return self._other.height

    def blocks(self, first: int, limit: int) -> list[Block]:
        return list(self._other.blocks(first, limit))

    def _page(self, prefix: str, after: str) -> list[tuple[str, str]]:
        found = {key: value for key, value in self._other.items(prefix) if key > after} | self.lies
        page = sorted((key, value) for key, value in found.items() if value is not None and key > after)
        self._meanwhile()
        return page[: names.MAX_PAGE]

    def _blocks_beside(self, first: int, end: int) -> list[Block]:
        return self.blocks(first, end - first)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_PAGE", 5)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    recorded = Recorded(tmp_path / "ledger.sqlite3")
    yield marketplace(World(ledger=recorded))
    recorded.ledger.close()


def _moves(world: World) -> Callable[[], object]:
    """Return what changes old keys and makes new ones, all over the order of the keys; it does not go on for ever."""
    jobs = iter(range(4))

    def move() -> None:
        if (number := next(jobs, None)) is None:
            return
        assert world.create(f"job{number}", invocation_id=f"{number}") == "applied"
        assert world.deposit("bob", 1) == "applied"

    return move


def test_the_keys_of_a_moving_ledger_are_those_of_one_moment(world: World) -> None:
    reader = Moving(world, _moves(world))

    found = list(reader.items(""))

    assert len(found) > names.MAX_PAGE
    assert dict(found) == dict(world.ledger.items(""))
    assert found == sorted(found)


def test_keys_are_not_mixed_from_peers_of_which_one_may_be_behind(world: World) -> None:
    reader = Moving(world, lambda: setattr(reader._peers, "current", object()))

    with pytest.raises(LedgerUnavailable, match="no peer answered all the time"):
        reader.items("")


def test_a_moving_ledger_is_proved_with_what_came_meanwhile(world: World) -> None:
    reader = Moving(world, _moves(world))
    before = reader.height

    proved = verify(reader, _GENESIS)

    assert before < proved.blocks == reader.height


@pytest.mark.parametrize("value", [None, '{"available":1,"deposit":0,"held":0}'])
def test_a_state_that_is_not_the_blocks_is_found_while_the_ledger_moves(world: World, value: str | None) -> None:
    reader = Moving(world, _moves(world))
    reader.lies = {"account~kate": value}

    with pytest.raises(LedgerDamaged, match="account~kate"):
        verify(reader, _GENESIS)


@pytest.mark.parametrize("key", ["account~nobody", "zzz"])
def test_a_key_that_no_block_wrote_is_found(world: World, key: str) -> None:
    reader = Moving(world, lambda: None)
    reader.lies = {key: "{}"}

    with pytest.raises(LedgerDamaged, match=key):
        verify(reader, _GENESIS)


def test_a_ledger_with_another_beginning_is_refused(world: World) -> None:
    with pytest.raises(LedgerDamaged, match="block 0"):
        verify(Moving(world, lambda: None), KEYS.genesis(FeePolicy(version=1, platform_ppm=1, peers_ppm=1)))
