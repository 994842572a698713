import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider_agent.jobs.journal import Journal, JournalState, JournalUnusable, digest_of

#: Accepts a job, reports another, tells that it did, and waits to be killed.
_VICTIM = """
import sys, pathlib
from provider_agent.jobs.journal import Journal
journal = Journal(pathlib.Path(sys.argv[1]))
journal.saw_term(9)
journal.accept("open", ticket="t1", pay_until_ms=10)
journal.accept("done", ticket="t2", pay_until_ms=10)
journal.report("done", b"report", next_at_ms=5)
print("written", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path / "journal.sqlite3")
    yield made
    made.close()


def test_what_was_written_is_there_after_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite3"
    with subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:
        assert victim.stdout
        assert victim.stdout.readline() == "written\n"
        os.kill(victim.pid, signal.SIGKILL)

    journal = Journal(path)

    assert journal.newest_term == 9
    assert [entry.job_id for entry in journal.accepted()] == ["open"]
    assert [(entry.job_id, entry.report) for entry in journal.due(5, 10)] == [("done", b"report")]
    journal.close()


def test_a_job_is_accepted_once(journal: Journal) -> None:
    journal.accept("a", ticket="t", pay_until_ms=1)
    journal.accept("a", ticket="other", pay_until_ms=1)

    entry = journal.find("a")

    assert entry
    assert (entry.state, entry.ticket) == (JournalState.ACCEPTED, "t")


def test_a_job_is_reported_once(journal: Journal) -> None:
    journal.accept("a", ticket="t", pay_until_ms=1)

    assert journal.report("a", b"first", next_at_ms=0)
    assert not journal.report("a", b"second", next_at_ms=0)
    assert not journal.report("unknown", b"x", next_at_ms=0)

    assert [entry.report for entry in journal.due(0, 10)] == [b"first"]


def test_an_acknowledged_report_is_dropped_and_its_job_stays_known(journal: Journal) -> None:
    journal.accept("a", ticket="t", pay_until_ms=1)
    journal.report("a", b"report", next_at_ms=0)

    assert journal.acknowledge("a")
    assert not journal.acknowledge("a")

    entry = journal.find("a")
    assert entry
    assert (entry.state, entry.report, entry.ticket) == (JournalState.ACKNOWLEDGED, None, None)
    assert entry.ticket_digest == digest_of("t")
    assert journal.waiting() == (0, 0)


def test_a_job_that_runs_cannot_be_acknowledged_away(journal: Journal) -> None:
    journal.accept("a", ticket="t", pay_until_ms=1)

    assert not journal.acknowledge("a")
    assert len(journal.accepted()) == 1


def test_a_refusal_is_never_open(journal: Journal) -> None:
    journal.refuse("a", b"no", ticket="t", pay_until_ms=1, next_at_ms=0)

    assert journal.accepted() == []
    assert journal.waiting() == (1, 2)


def test_the_term_never_goes_back(journal: Journal) -> None:
    for term in (3, 1, 2):
        journal.saw_term(term)

    assert journal.newest_term == 3


def test_what_can_no_longer_be_paid_is_forgotten_but_not_what_runs(journal: Journal) -> None:
    journal.accept("runs", ticket="t", pay_until_ms=10)
    journal.accept("reported", ticket="t", pay_until_ms=10)
    journal.report("reported", b"r", next_at_ms=0)
    journal.accept("later", ticket="t", pay_until_ms=20)
    journal.report("later", b"r", next_at_ms=0)

    journal.forget(before_ms=15)

    assert journal.find("reported") is None
    assert journal.find("runs")
    assert journal.find("later")


def test_the_file_is_private(journal: Journal, tmp_path: Path) -> None:
    journal.accept("a", ticket="t", pay_until_ms=1)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert set(modes.values()) == {0o600}, modes


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"no database" * 1000)

    with pytest.raises(JournalUnusable, match="cannot be used"):
        Journal(tmp_path / "journal.sqlite3")
