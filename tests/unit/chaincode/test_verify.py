"""`verify` proves a ledger, and names the block where it cannot."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaincode.embedded import chain, store
from ledger.embedded import verification
from ledger.embedded.ledger import EmbeddedReader
from ledger.errors import LedgerDamaged
from ledger.verification import Progress, Verified, unheard
from tests.support.embedded import Recorded, signed
from tests.support.ledger import KEYS, NOON, OUTPUT, Keys, World, job_arguments, marketplace, receipt_jws
from wire.codec import encode
from wire.ledger import state_keys
from wire.ledger.blocks import TransactionBody
from wire.ledger.genesis import Genesis
from wire.ledger.operations import ConfirmResult, SubmitReceipt, operation_text
from wire.ledger.records import AccountRecord
from wire.signing import BLOCK

#: The block that the tests alter: a job from creation to payment; one block follows it.
ALTERED = 20
GENESIS = KEYS.genesis()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite3"
    recorded = Recorded(path)
    world = marketplace(World(ledger=recorded))
    assert recorded.ledger.height == ALTERED - 1
    world.create("job0")
    world.run(
        operation_text("job.create:job6", job_arguments()),
        operation_text("job.receipt:job6", SubmitReceipt(job_id="job6", receipt=receipt_jws())),
        operation_text("job.confirm:job6", ConfirmResult(job_id="job6", output_digest=OUTPUT, observed_ms=12_000)),
    )
    world.create("job7")
    recorded.ledger.close()
    return path


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "ledger.sqlite3"))


def verify(path: Path, genesis: Genesis = GENESIS, progress: Progress = unheard) -> Verified:
    with EmbeddedReader.open_file(path) as reader:
        return verification.verify(reader, genesis, progress)


def alter(path: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount == 1


def test_an_untouched_ledger_is_proved_with_progress(original: Path) -> None:
    heard: list[tuple[int, int]] = []

    proved = verify(original, progress=lambda done, all_: heard.append((done, all_)))

    assert (proved.blocks, proved.transactions, proved.operations) == (22, 22, 23)
    assert heard[0] == (1, 22)
    assert heard[-1] == (22, 22)


def text_columns(table: str) -> list[str]:
    with closing(sqlite3.connect(":memory:")) as connection:
        store.make_tables(connection)
        return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


@pytest.mark.parametrize("column", text_columns("block"))
def test_an_altered_column_of_a_block_is_found(copy: Path, column: str) -> None:
    if column in {"number", "timestamp_ms"}:
        change = f"{column} + 100"
    else:
        change = f"substr({column}, 1, 20) || char(unicode(substr({column}, 21, 1)) + 1) || substr({column}, 22)"
    alter(copy, f"UPDATE block SET {column} = {change} WHERE number = ?", ALTERED)  # noqa: S608

    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}: "):
        verify(copy)


@pytest.mark.parametrize("column", text_columns("block_transaction"))
@pytest.mark.parametrize("where", ["first", "middle", "last", "added"])
def test_an_altered_column_of_a_transaction_is_found(copy: Path, column: str, where: str) -> None:
    if column in {"block", "position", "timestamp_ms"}:
        change = f"{column} + {100 if where == 'first' else 1000}"
    elif where == "added":
        change = f"{column} || ' '"
    else:
        at = {"first": "1", "middle": f"length({column}) / 2", "last": f"length({column})"}[where]
        flipped = f"char(unicode(substr({column}, {at}, 1)) + 5)"
        change = f"substr({column}, 1, {at} - 1) || {flipped} || substr({column}, {at} + 1)"
    alter(copy, f"UPDATE block_transaction SET {column} = {change} WHERE block = ?", ALTERED)  # noqa: S608

    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}"):
        verify(copy)


def test_an_altered_or_added_or_deleted_record_of_the_world_state_is_found_with_the_block_that_wrote_it(
    copy: Path, tmp_path: Path
) -> None:
    mine = encode(AccountRecord(available=10**12)).decode()
    for number, (statement, values) in enumerate(
        [
            ("UPDATE state SET value = ? WHERE key = ?", (mine, state_keys.account("alice"))),
            ("DELETE FROM state WHERE key = ?", (state_keys.account("alice"),)),
            ("UPDATE state SET block = 1 WHERE key = ?", (state_keys.account("alice"),)),
        ]
    ):
        altered = Path(shutil.copy(copy, tmp_path / f"{number}.sqlite3"))
        alter(altered, statement, *values)
        with pytest.raises(LedgerDamaged, match=r"block 6: the world state differs from the blocks at account~alice"):
            verify(altered)
    alter(copy, "INSERT INTO state VALUES (?, ?, 1)", state_keys.account("mallory"), mine)
    with pytest.raises(LedgerDamaged, match="account~mallory"):
        verify(copy)


def test_a_removed_block_and_a_foreign_transaction_are_found(copy: Path, tmp_path: Path) -> None:
    other = Path(shutil.copy(copy, tmp_path / "other.sqlite3"))
    alter(copy, "DELETE FROM block WHERE number = ?", ALTERED)
    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}: is missing"):
        verify(copy)
    alter(other, "INSERT INTO block_transaction VALUES ('x', 99, 0, '', 0, '', '', '', '', '')")
    with pytest.raises(LedgerDamaged, match="transactions of no block"):
        verify(other)


def rewrite(path: Path, change: Callable[[Any], Any], number: int = ALTERED) -> None:
    """Change a block as the owner of the block key can: hashes and signatures of all that follows are right again."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        blocks = store.read_blocks(connection, 0, 1000)
        connection.execute("DELETE FROM block WHERE number >= ?", (number,))
        connection.execute("DELETE FROM block_transaction WHERE block >= ?", (number,))
        previous = blocks[number - 1] if number else None
        for block in blocks[number:]:
            records = [change(block.transactions[0])] if block.number == number else block.transactions
            previous = chain.next_block(previous, timestamp_ms=block.timestamp_ms, transactions=records, key=KEYS.block)
            store.write_block(connection, previous)


def test_even_the_owner_of_the_block_key_cannot_change_what_was_signed(copy: Path) -> None:
    def pay_mallory(record: Any) -> Any:
        body = TransactionBody(
            transaction_id=record.transaction_id,
            timestamp_ms=NOON,
            operations=(operation_text("job.create:job9", job_arguments("job9")),),
        )
        return replace(record, envelope=signed(body, KEYS.stranger))

    rewrite(copy, pay_mallory)

    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}: transaction tx-[0-9]+: the ledger knows no key"):
        verify(copy)


def test_a_block_that_names_another_one_before_it_is_found(copy: Path) -> None:
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        (block,) = store.read_blocks(connection, ALTERED, 1)
    moved = replace(block, previous_hash="0" * 64)
    digest = chain.block_hash(moved)
    signature = KEYS.block.sign(digest.encode(), BLOCK)
    change = "UPDATE block SET previous_hash = ?, hash = ?, signature = ? WHERE number = ?"
    alter(copy, change, moved.previous_hash, digest, signature, ALTERED)

    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}: does not name the hash of the block before"):
        verify(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: replace(record, writes={**record.writes, "account~x": "{}"}), "another outcome"),
        (lambda record: replace(record, results=record.results[:1]), "another outcome"),
        (lambda record: replace(record, events=record.events[:1]), "another outcome"),
        (lambda record: replace(record, timestamp_ms=NOON + 1), "not what its submitter signed"),
        (lambda record: replace(record, creator=KEYS.treasury.public.key_id), "not what its submitter signed"),
        (lambda record: replace(record, transaction_id="other"), "not what its submitter signed"),
    ],
)
def test_what_does_not_follow_from_the_signed_operations_is_found(copy: Path, change: Any, message: str) -> None:
    rewrite(copy, change)

    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}: .*{message}"):
        verify(copy)


def test_another_genesis_is_found_when_the_right_one_is_known(copy: Path, original: Path) -> None:
    other = Keys().genesis()

    with pytest.raises(LedgerDamaged, match="block 0: holds another genesis"):
        verify(original, genesis=other)
    rewrite(copy, lambda record: replace(record, writes={**record.writes, "account~bob": "{}"}), 0)
    with pytest.raises(LedgerDamaged, match="block 0: does not follow from its genesis"):
        verify(copy)


def test_a_damaged_file_is_named_as_such(copy: Path) -> None:
    alter(copy, "UPDATE block_transaction SET envelope = CAST(x'ff00' AS TEXT) WHERE block = ?", ALTERED)

    with pytest.raises(LedgerDamaged, match=f"block {ALTERED}: "):
        verify(copy)
