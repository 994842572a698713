"""The embedded ledger passes the port's suite, and keeps what it was given."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.embedded.ledger import EmbeddedReader, EmbeddedWriter
from ledger.embedded.verification import verify
from ledger.errors import LedgerDamaged, LedgerInUse, LedgerMissing, LedgerUnavailable
from portal.keys import KeyName
from tests.support.outbox.ledger_contract import LedgerContract, mint
from tests.support.outbox.market import ManualClock, genesis, signing_keys
from wire.ledger import state_keys
from wire.ledger.records import FeePolicy
from wire.signing import SigningKey

BLOCK_KEY = signing_keys()[KeyName.BLOCK]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def ledger(path: Path, clock: ManualClock) -> Iterator[EmbeddedWriter]:
    with EmbeddedWriter.open(path, block_key=BLOCK_KEY, genesis=genesis(), clock=clock.ms) as writer:
        yield writer


class TestEmbeddedLedger(LedgerContract):
    def test_it_is_there_again_after_it_was_closed(
        self, ledger: EmbeddedWriter, path: Path, clock: ManualClock
    ) -> None:
        record = self.submit(ledger, clock, "t-1", mint("r-1"))
        ledger.close()

        with EmbeddedWriter.open(path, block_key=BLOCK_KEY, genesis=genesis(), clock=clock.ms) as again:
            assert again.transaction("t-1") == record

    def test_others_read_while_one_writes(self, ledger: EmbeddedWriter, path: Path, clock: ManualClock) -> None:
        with EmbeddedReader.open_file(path) as reader:
            self.submit(ledger, clock, "t-1", mint("r-1"))

            assert reader.height == 2
            assert verify(reader, genesis()).blocks == 2

    def test_a_second_writer_is_refused(self, ledger: EmbeddedWriter, path: Path) -> None:
        assert ledger.height == 1

        with pytest.raises(LedgerInUse):
            EmbeddedWriter.open(path, block_key=BLOCK_KEY, genesis=genesis())

    def test_nobody_reads_a_ledger_that_is_not_there(self, path: Path) -> None:
        with pytest.raises(LedgerMissing):
            EmbeddedReader.open_file(path)

    def test_a_key_for_blocks_that_the_genesis_does_not_name_is_refused(self, path: Path) -> None:
        with pytest.raises(LedgerDamaged, match="block_key_pem"):
            EmbeddedWriter.open(path, block_key=SigningKey.generate(), genesis=genesis())

    def test_a_file_whose_genesis_was_altered_is_damaged(self, ledger: EmbeddedWriter, path: Path) -> None:
        ledger.close()
        with closing(sqlite3.connect(path)) as file, file:
            changed = file.execute("UPDATE state SET value = '{}' WHERE key = ?", (state_keys.genesis(),)).rowcount
            assert changed == 1

        with pytest.raises(LedgerDamaged, match="controller_key_pem"):
            EmbeddedReader.open_file(path)

    def test_a_ledger_of_another_genesis_is_refused(self, ledger: EmbeddedWriter, path: Path) -> None:
        ledger.close()
        fees = FeePolicy(version=1, platform_ppm=0, peers_ppm=0)

        with pytest.raises(LedgerDamaged, match="another genesis"):
            EmbeddedWriter.open(path, block_key=BLOCK_KEY, genesis=replace(genesis(), fee_policy=fees))
        with pytest.raises(LedgerDamaged, match="another genesis"), EmbeddedReader.open_file(path) as reader:
            verify(reader, replace(genesis(), fee_policy=fees))

    def test_a_ledger_of_another_block_key_is_refused(self, ledger: EmbeddedWriter, path: Path) -> None:
        ledger.close()

        with pytest.raises(LedgerDamaged, match="block key"):
            EmbeddedWriter.open(path, block_key=SigningKey.generate(), genesis=genesis())

    def test_a_file_that_cannot_be_written_is_said_to_be_unavailable(self, tmp_path: Path) -> None:
        with pytest.raises(LedgerUnavailable):
            EmbeddedWriter.open(tmp_path / "nowhere" / "ledger", block_key=BLOCK_KEY, genesis=genesis())
