"""The ledger's process seen from outside: real processes, real files, real signals."""

import json
import random
import resource
import time
from functools import partial
from pathlib import Path

import pytest

from ledger.embedded.ledger import EmbeddedReader
from ledger.errors import LedgerMissing
from tests.support.outbox.driver import DEPOSIT
from tests.support.outbox.ledger_process import LedgerInstallation
from tests.support.waiting import wait_for
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.records import AccountRecord, JobRecord
from wire.ledger.states import JobRecordState

JOBS = 100
JOBS_A_KILL = 10
#: After its first block, in seconds.
LONGEST_LIFE = 0.4
#: No file of a process whose disk is full grows beyond its log and this, in bytes.
ROOM_FOR_LOGS = 16_384
CREDIT = 1_000_000
CUT_SHORT = "from portal.books.models import Bookmark; Bookmark.objects.update(rebuilding='emptying')"
TAKE_OVER = """
from django.utils import timezone
from portal.outbox import leadership
leadership.take_over("recorder", now=timezone.now())
"""
MAKE_BOB = """
from portal.accounts.models import Account
Account.objects.create(username="bob", email="bob@example.org")
"""


@pytest.fixture
def installation(tmp_path: Path) -> LedgerInstallation:
    return LedgerInstallation.make(tmp_path, database_url=f"sqlite:///{tmp_path / 'portal.sqlite3'}")


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each_database(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerInstallation:
    if request.param == "sqlite":
        found: LedgerInstallation = request.getfixturevalue("installation")
        return found
    server, url = request.getfixturevalue("postgresql_server"), request.getfixturevalue("postgresql_url")
    return LedgerInstallation.make(tmp_path, database_url=url, database_password=server.password)


def height(installation: LedgerInstallation) -> int:
    try:
        with EmbeddedReader.open_file(installation.ledger_file) as reader:
            return reader.height
    except LedgerMissing:
        return 0


def all_recorded(installation: LedgerInstallation, jobs: int) -> bool:
    # Operations are recorded in order, and a job's confirmation is its last.
    return installation.confirmations() == {"committed": jobs}


def _grew(installation: LedgerInstallation, before: int) -> bool:
    # The first block is the genesis, which no job is in.
    return height(installation) > max(before, 1)


def _is_over(end: float) -> bool:
    return time.monotonic() >= end


def assert_books_are_right(installation: LedgerInstallation, jobs_done: int = JOBS) -> None:
    with EmbeddedReader.open_file(installation.ledger_file) as reader:
        jobs = [decode(JobRecord, value) for _, value in reader.items("job~")]
        developer = decode(AccountRecord, reader.get(state_keys.account(jobs[0].developer_id)) or "")
    assert [job.state for job in jobs] == [JobRecordState.SETTLED] * jobs_done
    assert developer == AccountRecord(deposit=(DEPOSIT - 12 * jobs_done) * CREDIT)
    assert installation.answer("verify")["blocks"] == height(installation)
    found = installation.answer("reconcile")
    assert (found["clean"], found["drift_micro"]) == (True, 0)


def test_jobs_are_paid_and_the_process_ends_cleanly(on_each_database: LedgerInstallation) -> None:
    installation = on_each_database
    with installation.ledger_process() as running:
        running.wait_well()
        with installation.driver() as driver:
            driver.jobs(JOBS)
        wait_for("all operations on the ledger", partial(all_recorded, installation, JOBS), 60)
        wait_for("the metrics", lambda: running.metric("block") == height(installation) - 1, 60)
        assert running.metric("outbox_backlog") == 0

        assert running.terminate() == 0

        assert running.events()[-1] == "ledger.ended"
    assert_books_are_right(installation)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.long)])
def test_a_process_killed_at_any_moment_loses_and_doubles_nothing(
    on_each_database: LedgerInstallation, kills: int
) -> None:
    installation, moments = on_each_database, random.Random(kills)  # noqa: S311 - not a secret
    jobs = kills * JOBS_A_KILL
    with installation.driver() as driver:
        for _ in range(kills):
            before = height(installation)
            with installation.ledger_process() as running:
                driver.jobs(JOBS_A_KILL)
                wait_for("a block more", partial(_grew, installation, before), 60)
                end = time.monotonic() + moments.uniform(0, LONGEST_LIFE)
                wait_for("any moment", partial(_is_over, end), 60)
                running.process.kill()
    with installation.ledger_process() as running:
        running.wait_well()
        wait_for("all on the ledger", partial(all_recorded, installation, jobs), 60)
        assert running.terminate() == 0

    assert_books_are_right(installation, jobs)


def test_a_full_disk_is_reported_and_work_goes_on_once_there_is_room(installation: LedgerInstallation) -> None:
    with installation.ledger_process() as running:
        running.wait_well()
        with installation.driver() as driver:
            driver.jobs(JOBS // 2)
            wait_for("the first half", partial(all_recorded, installation, JOBS // 2), 60)
            full = running.log.stat().st_size + ROOM_FOR_LOGS
            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (full, resource.RLIM_INFINITY))
            driver.jobs(JOBS // 2)
            wait_for("the process to say so", lambda: "ledger.turn_failed" in running.events(), 60)
            assert not all_recorded(installation, JOBS)
            assert running.process.poll() is None

            resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        wait_for("all on the ledger", partial(all_recorded, installation, JOBS), 60)
        assert running.terminate() == 0

    assert_books_are_right(installation)


def test_a_second_process_does_not_start_beside_the_first(installation: LedgerInstallation) -> None:
    with installation.ledger_process() as running:
        running.wait_well()

        second = installation.manage("run_ledger", status=1)
        rebuilt = installation.manage("ledger", "rebuild", status=1)

        last = json.loads(second.stderr.splitlines()[-1])
        assert (last["level"], last["event"]) == ("critical", "ledger.stopped")
        assert "stop it first" in rebuilt.stderr
        assert running.is_well()


def test_a_process_that_was_replaced_says_so_and_ends(installation: LedgerInstallation) -> None:
    with installation.ledger_process() as running:
        running.wait_well()

        installation.manage("shell", "--command", TAKE_OVER)
        with installation.driver() as driver:
            driver.jobs(1)

        assert running.process.wait(timeout=60) == 3
        assert running.events()[-1] == "ledger.superseded"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "on_each_database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True
)
def test_the_commands_look_at_prove_export_and_rebuild(on_each_database: LedgerInstallation) -> None:
    installation = on_each_database
    installation.manage("ledger", "status", status=1)
    with installation.ledger_process() as running:
        running.wait_well()
        with installation.driver() as driver:
            driver.jobs(3)
        wait_for("all on the ledger", partial(all_recorded, installation, 3), 60)
        running.terminate()

    exported = [json.loads(line) for line in installation.manage("ledger", "export").stdout.splitlines()]
    assert [block["number"] for block in exported] == list(range(height(installation)))
    assert len(installation.manage("ledger", "export", "--first", "1").stdout.splitlines()) == len(exported) - 1
    for _ in range(2):
        assert "start run_ledger again" in installation.manage("ledger", "rebuild").stdout
        assert installation.answer("reconcile")["clean"]
    assert "drift 0 micro-credits" in installation.manage("ledger", "reconcile").stdout
    assert "verified:" in installation.manage("ledger", "verify").stdout
    for command in ("retry", "drop"):
        assert "is set aside" in installation.manage("ledger", command, "job.create:unknown", status=1).stderr


def test_a_rebuild_that_was_cut_short_is_said_and_done_before_anything_else(installation: LedgerInstallation) -> None:
    with installation.ledger_process() as running:
        running.wait_well()
        with installation.driver() as driver:
            driver.jobs(3)
        wait_for("all on the ledger", partial(all_recorded, installation, 3), 60)
        running.terminate()
    installation.manage("shell", "--command", CUT_SHORT)

    assert "run `manage.py ledger rebuild`" in installation.manage("run_ledger", status=1).stderr
    assert "rebuild not done" in installation.manage("ledger", "status", status=2).stdout
    assert "going on with a rebuild" in installation.manage("ledger", "rebuild").stderr

    assert installation.answer("reconcile")["clean"]
    with installation.ledger_process() as running:
        running.wait_well()


def test_a_top_up_is_done_once_for_each_reference(installation: LedgerInstallation) -> None:
    make_bob = (
        "from portal.accounts.models import Account; Account.objects.create(username='bob', email='b@example.org')"
    )
    installation.manage("shell", "--command", make_bob)
    arguments = ("top_up", "bob", "600", "--reference", "bank-1")
    waiting = installation.manage(*arguments, "--seconds", "0.1", status=3)
    assert "run_ledger" in waiting.stderr
    with installation.ledger_process():
        first = installation.manage("top_up", "bob", "2.5", "--reference", "bank-2", "--available")
        assert "minted, available" in first.stdout
        assert "done before" in installation.manage(*arguments).stdout
        conflict = installation.manage("top_up", "bob", "601", "--reference", "bank-1", status=1)
        assert "bank-1 was used before" in conflict.stderr

    with EmbeddedReader.open_file(installation.ledger_file) as reader:
        (account,) = [decode(AccountRecord, value) for _, value in reader.items("account~")]
    assert account == AccountRecord(available=2_500_000, deposit=600 * CREDIT)
    installation.manage("top_up", "nobody", "1", "--reference", "r", status=1)
    installation.manage("top_up", "bob", "0", "--reference", "r", status=1)
    installation.manage("top_up", "bob", "x", "--reference", "r", status=1)
