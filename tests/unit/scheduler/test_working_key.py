"""The working key lasts 90 days: it is read again when it was renewed, and its end is told in time."""

import asyncio
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portal.invocations.working_key import WorkingKeyFiles
from portal.keys import KeyName, KeyUnusable
from portal.keys.making import make_keys
from scheduler import clocks
from tests.support.scheduling.marketplace import NOW_MS
from tests.support.scheduling.stage import Stage
from wire.ledger.records import FeePolicy

_DAY_MS = 24 * 3_600_000


def make(directory: Path, *, days: int = 0) -> None:
    now = datetime.fromtimestamp(NOW_MS / 1000, UTC) + timedelta(days=days)
    list(make_keys(directory, fee_policy=FeePolicy(version=1, platform_ppm=0, peers_ppm=0), now=now))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def test_an_expired_word_is_refused_with_the_command_that_renews_it(keys: Path) -> None:
    files = WorkingKeyFiles(keys)
    assert files.load(now_ms=NOW_MS).left_ms(now_ms=NOW_MS) == 90 * _DAY_MS

    with pytest.raises(KeyUnusable, match=r"expired on .*manage\.py make_keys"):
        files.load(now_ms=NOW_MS + 90 * _DAY_MS)


def test_files_are_read_again_only_when_they_changed(keys: Path) -> None:
    files = WorkingKeyFiles(keys)
    files.load(now_ms=NOW_MS)
    assert files.changed(now_ms=NOW_MS) is None

    make(keys, days=80)
    renewed = files.changed(now_ms=NOW_MS)

    assert renewed
    assert renewed.left_ms(now_ms=NOW_MS) == 170 * _DAY_MS
    assert files.changed(now_ms=NOW_MS) is None


def test_a_key_without_its_word_is_not_taken_over_before_the_word_is_there(keys: Path) -> None:
    files = WorkingKeyFiles(keys)
    files.load(now_ms=NOW_MS)
    (keys / KeyName.TICKET).unlink()
    assert files.changed(now_ms=NOW_MS) is None

    make(keys)
    assert files.changed(now_ms=NOW_MS)


def test_a_file_that_others_may_read_is_not_taken_over(keys: Path) -> None:
    files = WorkingKeyFiles(keys)
    files.load(now_ms=NOW_MS)
    os.utime(keys / KeyName.TICKET, ns=(1, 1))
    (keys / KeyName.TICKET).chmod(0o644)

    assert files.changed(now_ms=NOW_MS) is None


def test_a_scheduler_takes_the_next_key_over_and_still_knows_its_tickets(keys: Path) -> None:
    async def play() -> None:
        files = WorkingKeyFiles(keys)
        async with Stage(signer=files.load(now_ms=NOW_MS)) as stage:
            stage.core.renewed = lambda: files.changed(now_ms=stage.clock())
            (provider,) = stage.providers
            await stage.hear()
            await stage.call()
            ticket = stage.ticket(provider)
            first = stage.core.signer
            (keys / KeyName.TICKET).unlink()
            make(keys)

            await stage.tick(after_ms=60_000)

            assert stage.core.signer.key.public.key_id != first.key.public.key_id
            assert stage.core.signer.working_key != first.working_key
            assert stage.core.signer.read(ticket) == first.read(ticket)

    asyncio.run(play())


def test_the_end_of_the_word_is_told_seven_days_before(keys: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with Stage(signer=WorkingKeyFiles(keys).load(now_ms=NOW_MS)) as stage:
            stage.clock.now_ms = NOW_MS + 90 * _DAY_MS - clocks.WORKING_KEY_LEFT_MS
            await stage.tick()
            assert told() == []

            await stage.tick(after_ms=60_000)
            await stage.tick(after_ms=60_000)
            assert told() == ["working_key.expires"], "once an hour"

    def told() -> list[str]:
        return [record.message for record in caplog.records if record.levelno == logging.CRITICAL]

    asyncio.run(play())
