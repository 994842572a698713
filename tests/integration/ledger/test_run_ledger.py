"""The ledger's process seen from outside: real processes, real files, real signals."""

import json
from functools import partial
from pathlib import Path

import pytest

from chaincode.contracts import keys
from chaincode.contracts.records import Account, Job, JobState
from portal.ledger.embedded import EmbeddedReader
from portal.ledger.errors import LedgerMissing
from tests.support.outbox.driver import DEPOSIT
from tests.support.outbox.ledger_process import LedgerInstallation
from tests.support.waiting import wait_for
from wire.codec import decode

JOBS = 100
KILLS = 10
CREDIT = 1_000_000
TAKE_OVER = """
from django.utils import timezone
from portal.ledger import leadership
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


def assert_books_are_right(installation: LedgerInstallation) -> None:
    with EmbeddedReader.open_file(installation.ledger_file) as reader:
        jobs = [decode(Job, value) for _, value in reader.items("job~")]
        developer = decode(Account, reader.get(keys.account(jobs[0].developer_id)) or "")
    assert [job.state for job in jobs] == [JobState.SETTLED] * JOBS
    assert developer == Account(deposit=(DEPOSIT - 12 * JOBS) * CREDIT)
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
        wait_for("the metrics", lambda: running.metric("block") == height(installation) - 1, 5)
        assert running.metric("outbox_backlog") == 0

        assert running.terminate() == 0

        assert running.events()[-1] == "ledger.ended"
    assert_books_are_right(installation)


@pytest.mark.timeout(300)
def test_a_process_killed_again_and_again_loses_and_doubles_nothing(on_each_database: LedgerInstallation) -> None:
    installation = on_each_database
    with installation.driver() as driver:
        for _ in range(KILLS):
            before = height(installation)
            with installation.ledger_process() as running:
                driver.jobs(JOBS // KILLS)
                wait_for("a block more", partial(_grew, installation, before), 60)
                running.process.kill()
    with installation.ledger_process() as running:
        running.wait_well()
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

        assert running.process.wait(timeout=20) == 3
        assert running.events()[-1] == "ledger.superseded"


def test_the_commands_look_at_prove_export_and_rebuild(installation: LedgerInstallation) -> None:
    installation.manage("ledger", "status", status=1)
    with installation.ledger_process() as running:
        running.wait_well()
        with installation.driver() as driver:
            driver.jobs(3)
        wait_for("all on the ledger", partial(all_recorded, installation, 3), 30)
        running.terminate()

    exported = [json.loads(line) for line in installation.manage("ledger", "export").stdout.splitlines()]
    assert [block["number"] for block in exported] == list(range(height(installation)))
    assert len(installation.manage("ledger", "export", "--first", "1").stdout.splitlines()) == len(exported) - 1
    assert "start run_ledger again" in installation.manage("ledger", "rebuild").stdout
    assert installation.answer("reconcile")["clean"]
    assert "drift 0 micro-credits" in installation.manage("ledger", "reconcile").stdout
    assert "verified:" in installation.manage("ledger", "verify").stdout
    installation.manage("ledger", "retry", "job.create:unknown", status=1)


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
        (account,) = [decode(Account, value) for _, value in reader.items("account~")]
    assert account == Account(available=2_500_000, deposit=600 * CREDIT)
    installation.manage("top_up", "nobody", "1", "--reference", "r", status=1)
    installation.manage("top_up", "bob", "0", "--reference", "r", status=1)
    installation.manage("top_up", "bob", "x", "--reference", "r", status=1)
