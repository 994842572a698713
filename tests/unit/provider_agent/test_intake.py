import dataclasses
from pathlib import Path

import pytest

from provider_agent.jobs.journal import Journal, JournalState
from provider_agent.ports import RunReport
from provider_agent.testing import Wrote
from tests.support.tickets import Controller, a_ticket
from tests.support.waiting import wait_for
from wire import signing
from wire.codec import canonical_json, to_plain
from wire.envelope import dump, parse_as
from wire.messages import (
    Accepted,
    Cancel,
    Finished,
    JobOrder,
    JobRefused,
    Receipt,
    ResultAcknowledged,
    Started,
    Ticket,
)
from wire.outcomes import ExitState, RefusalReason
from wire.signing import SigningKey, sha256_hex

from .conftest import SECONDS, Bench, full_disk


def test_a_good_ticket_is_accepted_run_and_reported(bench: Bench) -> None:
    ticket = a_ticket(input=b"abc")

    order = bench.send(ticket)

    event = bench.finished()[0]
    assert event.output == b"ABC"
    assert event.ticket == order.ticket
    assert {Accepted, Started} <= {type(item) for item in bench.broker.events}
    wait_for("its container to be removed", lambda: not bench.machine.containers(), SECONDS)
    assert bench.slots.free == 2


def test_the_controller_hears_of_a_job_in_the_order_in_which_it_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a run does that overtakes the thread which began it.
    monkeypatch.setattr(bench.pool._threads, "submit", lambda run, *arguments: run(*arguments))

    bench.send(a_ticket())

    bench.finished()
    assert [type(event) for event in bench.broker.events] == [Accepted, Started, Finished]


def test_the_receipt_binds_ticket_output_and_exit_state(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    report = RunReport(exit_state=ExitState.FUNCTION_ERROR, run_ms=7, exit_code=3)
    monkeypatch.setattr(bench.runner, "run", lambda *_, **__: report)

    order = bench.send(a_ticket())

    receipt = parse_as(Receipt, bench.key.public.verify(bench.finished()[0].receipt, signing.RECEIPT))
    assert receipt.ticket_digest == sha256_hex(signing.payload_of(order.ticket))
    assert receipt.output_digest == sha256_hex(b"")
    assert (receipt.exit_state, receipt.run_ms) == (ExitState.FUNCTION_ERROR, 7)


def test_the_broker_hears_of_a_ticket_only_once_the_journal_has_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    accept = bench.journal.accept

    def note(job_id: str, *, ticket: str, pay_until_ms: int) -> None:
        seen.append(bench.broker.unacknowledged)
        accept(job_id, ticket=ticket, pay_until_ms=pay_until_ms)

    monkeypatch.setattr(bench.journal, "accept", note)

    bench.send(a_ticket())

    bench.finished()
    bench.settled()
    assert seen == [1]


def test_a_refused_ticket_is_answered_with_a_signed_receipt_kept_until_acknowledged(bench: Bench) -> None:
    ticket = a_ticket(provider_id="someone-else")

    bench.send(ticket)

    refused = bench.refused()[0]
    assert refused.reason is RefusalReason.NOT_FOR_ME
    assert refused.receipt
    receipt = parse_as(Receipt, bench.key.public.verify(refused.receipt, signing.RECEIPT))
    assert receipt.exit_state is ExitState.REFUSED
    bench.settled()
    assert bench.journal.waiting()[0] == 1
    bench.tell(ResultAcknowledged(job_id=ticket.job_id))
    bench.settled()
    assert bench.journal.waiting()[0] == 0
    assert bench.function.runs == []


def test_an_older_term_is_refused_for_ever_even_by_the_next_process(bench: Bench) -> None:
    bench.send(a_ticket(term=7))
    bench.finished()
    bench.close()
    bench.open()

    bench.send(a_ticket(term=6))

    assert bench.refused()[0].reason is RefusalReason.OLD_TERM


def test_a_ticket_that_arrives_too_late_is_refused(bench: Bench) -> None:
    ticket = a_ticket()
    bench.clock.pass_ms(61_000)

    bench.send(ticket)

    assert bench.refused()[0].reason is RefusalReason.TOO_LATE


def test_a_replayed_ticket_runs_once_and_its_result_is_told_again(bench: Bench) -> None:
    order = bench.send(a_ticket())
    first = bench.finished()[0]

    bench.send_order(order)

    assert bench.finished(2) == [first, first]
    assert len(bench.function.runs) == 1


def test_a_ticket_delivered_again_while_it_runs_is_accepted_again_and_runs_once(bench: Bench) -> None:
    bench.function.gate.clear()
    order = bench.send(a_ticket())
    wait_for("it to run", lambda: bench.function.runs, SECONDS)

    bench.send_order(order)

    bench.settled()
    assert len([item for item in bench.broker.events if isinstance(item, Accepted)]) == 2
    bench.function.gate.set()
    bench.finished()
    assert len(bench.function.runs) == 1


def test_another_ticket_for_a_known_job_is_refused_and_does_not_disturb_the_first(bench: Bench) -> None:
    bench.function.gate.clear()
    ticket = a_ticket()
    bench.send(ticket)

    bench.send(dataclasses.replace(a_ticket(input=b"other"), job_id=ticket.job_id))

    assert bench.refused()[0].reason is RefusalReason.REPEATED
    bench.function.gate.set()
    assert bench.finished()[0].output == b"HELLO"


@pytest.mark.parametrize("altered", [b"hello!", b"hellp", b"", b"x" * 2**18])
def test_an_input_that_the_broker_altered_is_refused_and_never_runs(bench: Bench, altered: bytes) -> None:
    order = bench.controller.order(a_ticket(input=b"hello"))

    bench.send_order(dataclasses.replace(order, input=altered))

    assert bench.refused()[0].reason is RefusalReason.INPUT_ALTERED
    bench.settled()
    assert bench.function.runs == []


def test_an_input_altered_on_its_second_delivery_does_not_disturb_the_first(bench: Bench) -> None:
    bench.function.gate.clear()
    order = bench.send(a_ticket(input=b"hello"))

    bench.send_order(dataclasses.replace(order, input=b"other"))

    bench.settled()
    bench.function.gate.set()
    assert [event.output for event in bench.finished()] == [b"HELLO"]
    assert len(bench.function.runs) == 1


def test_more_than_the_slots_is_refused(bench: Bench) -> None:
    bench.function.gate.clear()

    for _ in range(3):
        bench.send(a_ticket())

    assert [item.reason for item in bench.refused()] == [RefusalReason.NO_FREE_SLOT]


def test_a_draining_agent_refuses(bench: Bench) -> None:
    bench.slots.drain()

    bench.send(a_ticket())

    assert bench.refused()[0].reason is RefusalReason.DRAINING


def test_a_cancelled_job_is_stopped(bench: Bench) -> None:
    bench.function.gate.clear()
    ticket = a_ticket()
    bench.send(ticket)
    wait_for("it to run", lambda: bench.function.runs, SECONDS)

    bench.tell(Cancel(job_id=ticket.job_id))

    receipt = parse_as(Receipt, signing.payload_of(bench.finished()[0].receipt))
    assert receipt.exit_state is ExitState.CRASHED


def test_a_cancel_for_an_unknown_job_and_nonsense_on_control_are_put_aside(bench: Bench) -> None:
    bench.tell(Cancel(job_id="unknown"))
    bench.tell(ResultAcknowledged(job_id="unknown"))
    bench.broker.send_control(b"[]")
    bench.broker.send_control(b'{"kind":"other.v9"}')

    bench.settled()
    assert bench.broker.events == []


def test_a_runner_that_fails_in_a_way_nobody_foresaw_ends_the_job_as_crashed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object, **__: object) -> RunReport:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.runner, "run", break_down)

    bench.send(a_ticket())

    receipt = parse_as(Receipt, signing.payload_of(bench.finished()[0].receipt))
    assert receipt.exit_state is ExitState.CRASHED
    assert bench.slots.free == 2


# Attacks: what reaches the jobs queue without a trusted signature.


def test_a_ticket_by_a_stranger_is_refused_without_a_receipt_and_without_a_trace(bench: Bench) -> None:
    ticket = a_ticket()

    bench.send_order(Controller().order(ticket))

    assert bench.refused() == [JobRefused(job_id=ticket.job_id, reason=RefusalReason.BAD_SIGNATURE)]
    bench.settled()
    assert bench.journal.find(ticket.job_id) is None
    assert bench.function.runs == []


def test_a_ticket_under_an_expired_working_key_is_refused(bench: Bench) -> None:
    good = bench.controller.order(a_ticket())
    bench.send_order(dataclasses.replace(good, working_key=bench.controller.working_key(not_after_ms=bench.clock.now)))

    assert bench.refused()[0].reason is RefusalReason.BAD_SIGNATURE


def test_a_working_key_expires_also_when_it_was_good_before(bench: Bench) -> None:
    key = bench.controller.working_key(not_after_ms=bench.clock.now + 1_000)
    bench.send_order(dataclasses.replace(bench.controller.order(a_ticket()), working_key=key))
    bench.finished()
    bench.clock.pass_ms(1_000)

    bench.send_order(dataclasses.replace(bench.controller.order(a_ticket()), working_key=key))

    assert bench.refused()[0].reason is RefusalReason.BAD_SIGNATURE


def test_a_working_key_that_vouches_for_itself_is_refused(bench: Bench) -> None:
    stranger = SigningKey.generate()
    forged = Controller(root=stranger, working=stranger)

    bench.send_order(forged.order(a_ticket()))

    assert bench.refused()[0].reason is RefusalReason.BAD_SIGNATURE


def test_a_signature_made_for_another_purpose_is_refused(bench: Bench) -> None:
    order = bench.controller.order(a_ticket())
    receipt = bench.controller.working.sign(signing.payload_of(order.ticket), signing.RECEIPT)

    bench.send_order(dataclasses.replace(order, ticket=receipt))

    assert bench.refused()[0].reason is RefusalReason.BAD_SIGNATURE


def test_an_altered_ticket_is_refused(bench: Bench) -> None:
    order = bench.controller.order(ticket := a_ticket())
    dearer = bench.controller.order(dataclasses.replace(ticket, price_nano_per_ms=10**6))
    header, _, signature = order.ticket.split(".")

    bench.send_order(dataclasses.replace(order, ticket=f"{header}.{dearer.ticket.split('.')[1]}.{signature}"))

    assert bench.refused()[0].reason is RefusalReason.BAD_SIGNATURE


@pytest.mark.parametrize(
    "body", [b"", b"\xff\x00", b"[]", b"{}", b'{"kind":"job-order.v1"}', b'{"kind":"cancel.v1","job_id":"x"}']
)
def test_what_is_no_order_is_put_aside(bench: Bench, body: bytes) -> None:
    bench.broker.send_order(body)

    bench.settled()
    assert bench.broker.events == []


def test_an_order_of_nonsense_strings_is_put_aside(bench: Bench) -> None:
    bench.send_order(JobOrder(ticket="a.b.c", working_key="é", input=b""))

    bench.settled()
    assert bench.broker.events == []


@pytest.mark.parametrize("job_id", ["../../etc", "x" * 500, "", "0" * 32 + "-0"])
def test_a_signed_ticket_whose_job_id_is_no_job_id_is_put_aside(bench: Bench, job_id: str) -> None:
    bench.send(a_ticket(job_id=job_id))

    bench.settled()
    assert bench.broker.events == []
    assert bench.function.runs == []


def test_a_signed_payload_that_is_no_ticket_is_refused_as_malformed(bench: Bench) -> None:
    plain = {"kind": Ticket.kind, **to_plain(a_ticket())}
    del plain["limits"]
    order = bench.controller.order(a_ticket())
    signed = bench.controller.working.sign(canonical_json(plain), signing.TICKET)

    bench.send_order(dataclasses.replace(order, ticket=signed))

    assert bench.refused() == [JobRefused(job_id=plain["job_id"], reason=RefusalReason.MALFORMED)]


def test_a_full_journal_disk_leaves_the_ticket_with_the_broker(bench: Bench, tmp_path: Path) -> None:
    bench.journal.close()

    bench.send(a_ticket())
    bench.intake.stop()

    assert bench.broker.unacknowledged == 1
    assert bench.function.runs == []
    reopened = Journal(tmp_path / "journal.sqlite3")
    assert [entry for entry in reopened.accepted() if entry.state is JournalState.ACCEPTED] == []
    reopened.close()
    bench.open_intake()


def test_what_the_journal_could_not_take_is_tried_again_until_it_can(bench: Bench) -> None:
    wait_for("the connection", lambda: bench.told == [False], SECONDS)
    with full_disk(bench.journal):
        bench.send(a_ticket())
        wait_for("the intake to notice", lambda: bench.intake.is_stuck, SECONDS)
        bench.tell(Cancel(job_id="another"))
        wait_for("control to be obeyed all the same", lambda: bench.broker.unacknowledged == 1, SECONDS)

    assert bench.finished()[0].output == b"HELLO"
    bench.settled()
    wait_for("the word of it", lambda: len(bench.told) == 3, SECONDS)
    assert bench.told == [False, True, False]


def test_a_ticket_that_waited_for_the_journal_and_came_again_runs_once(bench: Bench) -> None:
    wait_for("the connection", lambda: bench.told == [False], SECONDS)
    with full_disk(bench.journal):
        bench.send(a_ticket())
        wait_for("the intake to notice", lambda: bench.intake.is_stuck, SECONDS)
        bench.broker.drop_connection()
        bench.broker.reconnect()

    bench.finished()
    bench.settled()
    wait_for("the intake to be free", lambda: not bench.intake.is_stuck, SECONDS)
    assert len(bench.function.runs) == 1


def test_a_dump_of_what_was_sent_holds_no_input(bench: Bench) -> None:
    bench.function.answers[b"secret-input"] = Wrote(output=b"out")

    bench.send(a_ticket(input=b"secret-input"))

    sent = dump(bench.finished()[0])
    assert b"secret-input" not in sent
    assert b"secret-input" not in signing.payload_of(bench.finished()[0].ticket)


def test_a_job_has_one_report_even_when_something_fails_after_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: RunReport) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.pool._tools.metrics, "finished", fail)

    bench.send(a_ticket())
    bench.send(a_ticket())

    receipts = [parse_as(Receipt, signing.payload_of(event.receipt)) for event in bench.finished(2)]
    wait_for("both containers to be removed", lambda: not bench.machine.containers(), SECONDS)
    assert [receipt.exit_state for receipt in receipts] == [ExitState.SUCCEEDED] * 2
    assert len(bench.finished()) == 2
