"""The embedded ledger: who may submit what when, one writer, and a file that holds whole blocks or nothing."""

import multiprocessing
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from multiprocessing.synchronize import Event as EventType
from pathlib import Path

import pytest

from chaincode.embedded import store
from chaincode.embedded.errors import (
    LedgerExists,
    StoreDamaged,
    StoreInUse,
    StoreMissing,
    StoreRefused,
)
from chaincode.embedded.ledger import EmbeddedLedger
from chaincode.embedded.lock import WriterLock
from chaincode.embedded.reader import StoreReader
from ledger.embedded.ledger import EmbeddedReader
from ledger.embedded.verification import verify
from tests.support.embedded import Recorded, signed
from tests.support.ledger import CREDIT, KEYS, NOON, World, job_arguments, marketplace
from wire.ledger import state_keys
from wire.ledger.blocks import OperationStatus, TransactionBody
from wire.ledger.clocks import NOTICE_MS
from wire.ledger.genesis import BadGenesis, Genesis
from wire.ledger.operations import GiveNotice, RotateKey, WithdrawDeposit, operation_text
from wire.signing import OPERATION


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    made = Recorded(tmp_path / "ledger.sqlite3")
    marketplace(World(ledger=made))
    yield made
    made.ledger.close()


def body(transaction_id: str = "t1", timestamp_ms: int = NOON, *operations: str) -> TransactionBody:
    create = operation_text("job.create:job6", job_arguments())
    return TransactionBody(transaction_id=transaction_id, timestamp_ms=timestamp_ms, operations=operations or (create,))


def test_a_transaction_becomes_a_block_that_names_the_one_before(recorded: Recorded) -> None:
    before = recorded.ledger.height

    record = recorded.ledger.submit(signed(body(), KEYS.controller))

    assert [result.status for result in record.results] == [OperationStatus.APPLIED]
    assert record.creator == KEYS.controller.public.key_id
    last, new = recorded.ledger.blocks(before - 1, 5)
    assert (new.number, new.previous_hash) == (before, last.hash)
    assert new.transactions == (record,)
    assert recorded.ledger.transaction("t1") == record
    assert recorded.ledger.transaction("t2") is None
    assert recorded.ledger.get(state_keys.job("job6")) == record.writes[state_keys.job("job6")]
    assert recorded.ledger.blocks(before + 1, 5) == []


def test_the_same_transaction_again_returns_what_was_recorded(recorded: Recorded) -> None:
    first = recorded.ledger.submit(signed(body(), KEYS.controller))
    height = recorded.ledger.height
    # An hour later, as a recorder would that crashed before it heard the answer.
    recorded.now_ms += 3_600_000

    assert recorded.ledger.submit(signed(body(), KEYS.controller)) == first
    assert recorded.ledger.height == height


def test_a_transaction_id_with_other_content_is_refused(recorded: Recorded) -> None:
    recorded.ledger.submit(signed(body(), KEYS.controller))

    for envelope in (signed(body(timestamp_ms=NOON + 1), KEYS.controller), signed(body(), KEYS.treasury)):
        with pytest.raises(StoreRefused, match="t1 was recorded with other content"):
            recorded.ledger.submit(envelope)


@pytest.mark.parametrize("minutes", [-60, -2, 2, 60])
def test_a_transaction_of_another_time_is_refused(recorded: Recorded, minutes: int) -> None:
    height = recorded.ledger.height

    with pytest.raises(StoreRefused, match="more than a minute"):
        recorded.ledger.submit(signed(body(timestamp_ms=NOON + minutes * 60_000), KEYS.controller))

    assert recorded.ledger.height == height
    assert recorded.ledger.submit(signed(body(timestamp_ms=NOON + 60_000), KEYS.controller))


def test_a_transaction_of_a_stranger_or_altered_on_its_way_is_refused(recorded: Recorded) -> None:
    head, payload, signature = signed(body(), KEYS.controller).split(".")

    for envelope in (
        signed(body(), KEYS.stranger),
        signed(body(), KEYS.block),
        f"{head}.{payload}AAAA.{signature}",
        f"{head}.{payload}.{'A' * 86}",
        KEYS.controller.sign(b"{}", "chainfaas-transaction"),
        KEYS.controller.sign(b"{}", OPERATION),
        "nonsense",
        "",
    ):
        with pytest.raises(StoreRefused):
            recorded.ledger.submit(envelope)


def test_a_provider_submits_with_its_own_key_until_that_is_replaced(recorded: Recorded) -> None:
    rotation = operation_text("key.rotate:alice-pc:1", RotateKey(public_key_pem=KEYS.stranger.public.pem))

    record = recorded.ledger.submit(signed(body("t1", NOON, rotation), KEYS.alice))

    assert [result.status for result in record.results] == [OperationStatus.APPLIED]
    with pytest.raises(StoreRefused, match="was replaced or revoked"):
        recorded.ledger.submit(signed(body("t2"), KEYS.alice))
    assert recorded.ledger.submit(signed(body("t2"), KEYS.stranger))


@pytest.mark.parametrize(
    "wrong",
    [
        body("a~b"),
        body("x" * 65),
        replace(body(), operations=()),
        replace(body(), operations=("{}",) * 1001),
    ],
)
def test_a_transaction_out_of_bounds_is_refused(recorded: Recorded, wrong: TransactionBody) -> None:
    with pytest.raises(StoreRefused):
        recorded.ledger.submit(signed(wrong, KEYS.controller))


def test_a_reader_sees_blocks_while_the_writer_writes_and_cannot_write_itself(recorded: Recorded) -> None:
    with StoreReader.open_reader(recorded.path) as reader:
        before = reader.height
        recorded.ledger.submit(signed(body(), KEYS.controller))

        assert reader.height == before + 1
        assert reader.get(state_keys.job("job6"))
        assert [key for key, _ in reader.items("provider~")] == ["provider~alice-pc", "provider~kate-pc"]
        assert list(reader.get_many([state_keys.job("job6"), "nothing"])) == [state_keys.job("job6")]
        everything = list(reader.items(""))
        assert reader.page("", 3) == everything[:3]
        assert reader.page(everything[2][0], 1000) == everything[3:]
    with closing(store.connect_reader(recorded.path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM state")


def test_the_history_of_a_key_names_every_transaction_that_wrote_it(recorded: Recorded) -> None:
    world = World(ledger=recorded)
    world.create()
    created = recorded.ledger.height - 1
    world.create("job8")
    world.receipt()
    world.confirm()

    history = list(recorded.ledger.history(state_keys.job("job6")))

    assert [number for number, _ in history] == [created + 3, created + 2, created]
    assert [record.events[0].name for _, record in history] == [
        "job.settled.v1",
        "job.receipted.v1",
        "job.created.v1",
    ]
    assert list(recorded.ledger.history("job~unknown")) == []


def test_the_history_of_a_key_goes_on_before_it_was_deleted(recorded: Recorded) -> None:
    world, heights = World(ledger=recorded), []
    notice, withdraw = GiveNotice(account_id="bob", amount_micro=CREDIT), WithdrawDeposit(account_id="bob")
    for _ in range(2):
        for arguments, wait_ms in ((notice, NOTICE_MS), (withdraw, 1)):
            assert world.do(arguments, author=KEYS.custody) == "applied"
            heights.append(recorded.ledger.height - 1)
            world.now_ms += wait_ms
    world.create()
    key = state_keys.notice("bob")

    history = list(recorded.ledger.history(key))

    assert recorded.ledger.get(key) is None
    assert [number for number, _ in history] == heights[::-1]
    assert [record.writes[key] is None for _, record in history] == [True, False, True, False]


def hold_lock(path: Path, held: EventType, end: EventType) -> None:
    lock = WriterLock(path)
    held.set()
    end.wait(30)
    lock.release()


def test_a_second_writer_is_told_whom_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    EmbeddedLedger.create(path, KEYS.genesis(), KEYS.block)
    context = multiprocessing.get_context("fork")
    held, end = context.Event(), context.Event()
    other = context.Process(target=hold_lock, args=(path, held, end))
    other.start()
    assert held.wait(30)

    with pytest.raises(StoreInUse, match=f"process {other.pid} writes to"):
        EmbeddedLedger.open(path, KEYS.block)
    end.set()
    other.join()

    EmbeddedLedger.open(path, KEYS.block).close()


def write_and_die(path: Path, moment: str) -> None:
    """Submit a block and die like after kill -9: before the commit, or right after it."""
    ledger = EmbeddedLedger.open(path, KEYS.block, lambda: NOON)
    if moment == "before":
        original = store.write_block

        def die(connection: sqlite3.Connection, block: object) -> None:
            original(connection, block)  # type: ignore[arg-type]
            os._exit(9)

        store.write_block = die
    ledger.submit(signed(body("last"), KEYS.controller))
    os._exit(9)


@pytest.mark.parametrize(("moment", "kept"), [("before", False), ("after", True)])
def test_a_crash_leaves_a_whole_block_and_its_state_or_nothing(recorded: Recorded, moment: str, *, kept: bool) -> None:
    recorded.ledger.close()
    process = multiprocessing.get_context("fork").Process(target=write_and_die, args=(recorded.path, moment))
    process.start()
    process.join()
    assert process.exitcode == 9

    with EmbeddedLedger.open(recorded.path, KEYS.block, lambda: NOON) as ledger:
        verify(EmbeddedReader(ledger), KEYS.genesis())
        assert (ledger.transaction("last") is not None) is kept
        assert (ledger.get(state_keys.job("job6")) is not None) is kept
        ledger.submit(signed(body("last"), KEYS.controller))
        verify(EmbeddedReader(ledger), KEYS.genesis())


def test_a_full_disk_loses_nothing_and_stops_nothing_for_good(recorded: Recorded) -> None:
    height = recorded.ledger.height
    connection = recorded.ledger._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    large = body("t1", NOON, *(operation_text(f"job.create:{n}", job_arguments(f"job{n}")) for n in range(200)))

    with pytest.raises(sqlite3.OperationalError, match="full"):
        recorded.ledger.submit(signed(large, KEYS.controller))

    assert recorded.ledger.height == height
    connection.execute("PRAGMA max_page_count = 1000000")
    recorded.ledger.submit(signed(large, KEYS.controller))
    verify(EmbeddedReader(recorded.ledger), KEYS.genesis())


def test_a_ledger_is_created_once(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    with pytest.raises(StoreMissing):
        EmbeddedLedger.open(path, KEYS.block)
    with pytest.raises(StoreMissing):
        StoreReader.open_reader(path)
    with pytest.raises(BadGenesis, match="block_key_pem"):
        EmbeddedLedger.create(path, KEYS.genesis(), KEYS.stranger)

    EmbeddedLedger.create(path, KEYS.genesis(), KEYS.block)

    with pytest.raises(LedgerExists):
        EmbeddedLedger.create(path, KEYS.genesis(), KEYS.block)
    with pytest.raises(StoreDamaged, match="another block key"):
        EmbeddedLedger.open(path, KEYS.stranger)


def test_a_genesis_is_read_as_it_is_written() -> None:
    assert Genesis.parse(KEYS.genesis().text()) == KEYS.genesis()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"organisations": {"controller": KEYS.ours.public.pem}}, "no authority for peers"),
        ({"treasury_key_pem": KEYS.custody.public.pem}, "treasury_key_pem: is the same key as custody_key_pem"),
        ({"block_key_pem": "x"}, "block_key_pem: public key: expected PEM"),
        ({"fee_policy": replace(KEYS.genesis().fee_policy, platform_ppm=1_000_000, peers_ppm=1)}, "fee_policy"),
        ({"fee_policy": replace(KEYS.genesis().fee_policy, peers_ppm=-1)}, "fee_policy"),
    ],
)
def test_a_genesis_that_is_inconsistent_is_refused_by_field(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(BadGenesis, match=message):
        Genesis.parse(replace(KEYS.genesis(), **wrong).text())  # type: ignore[arg-type]
