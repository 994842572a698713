import pytest

from provider_agent.jobs import spool as spools
from tests.support.tickets import a_ticket
from wire.messages import ResultAcknowledged
from wire.outcomes import RefusalReason

from .conftest import Bench


def test_a_report_is_sent_again_with_growing_pauses_until_it_is_acknowledged(bench: Bench) -> None:
    ticket = a_ticket()
    bench.send(ticket)
    bench.finished()

    pauses = []
    for expected in range(2, 6):
        waited = 0
        while len(bench.finished()) < expected:
            bench.clock.pass_ms(1_000)
            waited += 1
            bench.spool.send_due()
        pauses.append(waited)

    assert pauses == [5, 10, 20, 40]
    bench.tell(ResultAcknowledged(job_id=ticket.job_id))
    bench.settled()
    bench.clock.pass_ms(10**6)
    bench.spool.send_due()
    assert len(bench.finished()) == 5


def test_the_pause_has_an_end_and_some_chance(bench: Bench) -> None:
    assert bench.spool.pause_ms(50) == 300_000
    lucky = spools.Spool(bench.journal, bench.broker, bench.clock, jitter=lambda: 1.0)
    assert lucky.pause_ms(1) == 6_250


def test_all_that_waits_is_sent_when_the_broker_is_back(bench: Bench) -> None:
    bench.function.gate.clear()
    bench.send(a_ticket())
    bench.settled()
    bench.broker.drop_connection()
    bench.function.gate.set()
    bench.slots.wait_until_empty(5)
    bench.pool.stop()
    assert bench.journal.waiting()[0] == 1

    bench.broker.reconnect()
    bench.intake.stop()
    bench.open_intake()
    bench.spool.send_due()

    assert len(bench.finished()) == 1


def test_nothing_is_sent_and_no_attempt_counted_while_the_broker_is_away(bench: Bench) -> None:
    ticket = a_ticket()
    bench.send(ticket)
    bench.finished()
    bench.broker.drop_connection()

    bench.clock.pass_ms(10**6)
    bench.spool.send_due()

    entry = bench.journal.find(ticket.job_id)
    assert entry
    assert entry.attempts == 1


def test_a_full_spool_takes_no_more_jobs(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.send(a_ticket())
    bench.finished()
    monkeypatch.setattr(spools, "REPORTS_MAX", 1)

    bench.send(a_ticket())

    assert bench.refused()[0].reason is RefusalReason.NO_FREE_SLOT
    assert bench.journal.waiting()[0] == 1


def test_a_report_that_can_no_longer_be_paid_is_given_up(bench: Bench) -> None:
    bench.send(a_ticket())
    bench.finished()

    bench.clock.pass_ms(26 * 3_600_000)
    bench.spool.send_due()

    assert bench.journal.waiting() == (0, 0)
