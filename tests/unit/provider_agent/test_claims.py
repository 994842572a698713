"""What is kept for claims, when there is something to claim, and how the command tells of it."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provider_agent.claims.drafts import Draft, NothingToSend, draft, signed
from provider_agent.claims.evidence import Evidence, EvidenceStore, EvidenceUnusable
from provider_agent.cli import main
from provider_agent.jobs.journal import Journal
from provider_agent.machine import enrolment, keys
from provider_agent.machine.config import default_offer
from provider_agent.machine.home import AgentHome
from provider_agent.machine.portal import Portal
from provider_agent.ports import RunReport
from tests.support.fake_portal import FakePortal, fake_portal
from tests.support.tickets import PROVIDER_ID, a_ticket
from wire.envelope import dump
from wire.ledger.operations import MAX_OPERATION_CHARS
from wire.messages import Acknowledgement, Finished, ResultAcknowledged, Ticket
from wire.outcomes import ExitState
from wire.signing import ACKNOWLEDGEMENT, OPERATION, SigningKey, payload_of, sha256_hex

from .conftest import Bench


def run(bench: Bench, ticket: Ticket) -> Finished:
    bench.send(ticket)
    (finished,) = bench.finished()
    return finished


def acknowledge(bench: Bench, finished: Finished, key: SigningKey | None = None, **changes: Any) -> None:
    plain: dict[str, Any] = {
        "job_id": finished.job_id,
        "ticket_digest": sha256_hex(payload_of(finished.ticket)),
        "output_digest": sha256_hex(finished.output),
        "received_at_ms": bench.clock(),
    }
    said = dump(Acknowledgement(**plain | changes))
    jws = (key or bench.controller.working).sign(said, ACKNOWLEDGEMENT)
    bench.tell(ResultAcknowledged(job_id=finished.job_id, acknowledgement=jws))
    bench.settled()


def store_of(bench: Bench) -> EvidenceStore:
    return EvidenceStore(bench.path / "journal.sqlite3")


def claim(bench: Bench, job_id: str) -> Draft:
    store = store_of(bench)
    evidence = store.of(job_id)
    assert evidence is not None
    return draft(evidence, store.working_keys(), provider_id=PROVIDER_ID, now_ms=bench.clock())


def arguments(made: Draft) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.text)["arguments"]
    return found


def test_ticket_receipt_and_acknowledgement_are_kept_beyond_the_report(bench: Bench) -> None:
    finished = run(bench, a_ticket())
    acknowledge(bench, finished)

    made = claim(bench, finished.job_id)

    assert made.is_acknowledged
    said = arguments(made)
    assert (said["ticket"], said["receipt"]) == (finished.ticket, finished.receipt)
    assert len(said["working_keys"]) == 1
    assert made.operation_id.startswith(f"job.claim:{PROVIDER_ID}:{finished.job_id}:")


def test_without_an_acknowledgement_there_is_a_claim_once_the_job_cannot_be_under_way(bench: Bench) -> None:
    ticket = a_ticket()
    run(bench, ticket)
    with pytest.raises(NothingToSend, match="too early"):
        claim(bench, ticket.job_id)

    bench.clock.pass_ms(61_000 + ticket.max_ms)

    assert not claim(bench, ticket.job_id).is_acknowledged
    bench.clock.pass_ms(24 * 3_600_000)
    with pytest.raises(NothingToSend, match="too late"):
        claim(bench, ticket.job_id)


@pytest.mark.parametrize("spoiled", ["stranger", "output", "job"])
def test_an_acknowledgement_that_would_spoil_the_claim_is_left_out(bench: Bench, spoiled: str) -> None:
    ticket = a_ticket()
    finished = run(bench, ticket)
    if spoiled == "stranger":
        acknowledge(bench, finished, SigningKey.generate())
    elif spoiled == "output":
        acknowledge(bench, finished, output_digest="0" * 64)
    else:
        said = bench.controller.working.sign(
            dump(Acknowledgement(job_id="x", ticket_digest="0", output_digest="0", received_at_ms=1)), ACKNOWLEDGEMENT
        )
        bench.tell(ResultAcknowledged(job_id=finished.job_id, acknowledgement=said))
        bench.settled()
    bench.clock.pass_ms(61_000 + ticket.max_ms)

    assert arguments(claim(bench, ticket.job_id))["acknowledgement"] is None


def test_nothing_is_due_for_a_job_that_ended_by_this_machines_fault(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.runner, "run", lambda *_, **__: RunReport(exit_state=ExitState.CRASHED))
    finished = run(bench, a_ticket())

    with pytest.raises(NothingToSend, match="nothing is due"):
        claim(bench, finished.job_id)


def test_a_claim_that_is_larger_than_the_ledger_takes_is_not_sent(bench: Bench) -> None:
    finished = run(bench, a_ticket())
    acknowledge(bench, finished)
    swollen = replace(claim(bench, finished.job_id), text=b"x" * MAX_OPERATION_CHARS)

    with pytest.raises(NothingToSend, match="too large"):
        signed(swollen, bench.key)


def test_the_same_claim_has_one_name_and_after_a_refusal_another(bench: Bench) -> None:
    finished = run(bench, a_ticket())
    acknowledge(bench, finished)
    first, again = claim(bench, finished.job_id), claim(bench, finished.job_id)

    store_of(bench).refused(finished.job_id)

    assert first == again
    assert claim(bench, finished.job_id).operation_id != first.operation_id


def keep(journal: Journal, count: int) -> None:
    for number in range(count):
        journal.accept(f"job-{number}", ticket="t" * 100, pay_until_ms=number)
        journal.report(f"job-{number}", b"r", next_at_ms=0, receipt="receipt")


def test_what_is_kept_is_bounded_and_goes_with_the_time_to_be_paid(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite3")
    keep(journal, 10)
    journal.acknowledge("job-9", "acknowledgement")
    store = EvidenceStore(tmp_path / "journal.sqlite3")

    def kept() -> list[str]:
        return [item.job_id for item in store.all()]

    assert journal.bound_evidence(most=10) == 0
    # What was acknowledged is paid most surely: it goes first.
    assert journal.bound_evidence(most=8) == 2
    assert kept() == [f"job-{number}" for number in range(1, 9)]
    journal.forget(before_ms=5)
    assert kept() == ["job-5", "job-6", "job-7", "job-8"]
    assert journal.bound_evidence(most_bytes=399) == 4
    journal.close()


def test_a_report_without_its_evidence_is_never_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite3")
    keep(journal, 1)
    journal.accept("twice", ticket="t", pay_until_ms=9)

    assert journal.report("twice", b"first", next_at_ms=0, receipt="one")
    assert not journal.report("twice", b"second", next_at_ms=0, receipt="two")

    found = EvidenceStore(tmp_path / "journal.sqlite3").of("twice")
    assert isinstance(found, Evidence)
    assert (found.receipt, found.ticket) == ("one", "t")
    journal.close()


def test_a_damaged_journal_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite3").write_bytes(b"no database" * 1000)

    with pytest.raises(EvidenceUnusable, match="cannot be used"):
        EvidenceStore(tmp_path / "journal.sqlite3").all()


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[FakePortal]:
    with fake_portal(tmp_path) as made:
        yield made


@pytest.fixture
def home(portal: FakePortal, bench: Bench) -> AgentHome:
    """An enrolled machine that has the bench's journal."""
    place = AgentHome(bench.path / "home")
    address = Portal(portal.url, portal.ca_file)
    enrolment.enrol(place, portal=address, code="code", offer=default_offer(), authority=portal.ca_file)
    finished = run(bench, a_ticket())
    acknowledge(bench, finished)
    bench.intake.stop()
    bench.pool.stop()
    bench.journal.close()
    (bench.path / "journal.sqlite3").chmod(0o600)
    (bench.path / "journal.sqlite3").rename(place.journal)
    bench.open()
    portal.requests.clear()
    return place


def command(home: AgentHome, *more: str) -> Result:
    return CliRunner().invoke(main, ["claim", *more, "--home", str(home.path)])


def answered(status: int, **body: object) -> tuple[int, bytes]:
    return status, json.dumps(body).encode()


def test_the_command_claims_with_this_machines_key_and_says_what_became_of_it(
    home: AgentHome, portal: FakePortal
) -> None:
    portal.answer = lambda _: answered(200, operation_id="x", state="committed", reason="", job_state="settled")
    dry = command(home, "--all", "--dry-run")
    assert portal.requests == []

    first, second = command(home, "--all"), command(home, "--all")

    assert "would be claimed" in dry.output
    assert first.output.endswith("paid\n")
    assert "done before: paid" in second.output
    (request,) = portal.requests
    assert request["path"] == "/api/v1/ledger/operations"
    assert keys.load(home).signing.public.verify(request["operation"], OPERATION)


def test_the_command_tells_of_a_refusal_and_fails(home: AgentHome, portal: FakePortal) -> None:
    portal.answer = lambda _: answered(200, operation_id="x", state="refused", reason="too_early", job_state="")

    told = command(home, "--all")

    assert told.exit_code == 1
    assert "refused by the ledger: too_early" in told.output


def test_the_command_needs_no_claim_of_what_was_paid(home: AgentHome, portal: FakePortal) -> None:
    portal.answer = lambda _: answered(410, reason="gone", hint="Job 1 is settled: it was paid.", request_id="7")

    told = command(home, "--all")

    assert told.exit_code == 0
    assert "not claimed: Job 1 is settled: it was paid." in told.output
    assert "done before: paid" in command(home, "--all").output


def test_the_command_stops_when_the_portal_wants_it_to(home: AgentHome, portal: FakePortal) -> None:
    portal.answer = lambda _: answered(429, reason="rate_limited", hint="Too many attempts.", request_id="7")

    told = command(home, "--all")

    assert told.exit_code == 1
    assert "Too many attempts. (request 7)" in told.output


def test_the_command_wants_one_job_or_all(home: AgentHome) -> None:
    assert command(home).exit_code == 2
    assert command(home, "job", "--all").exit_code == 2
    unknown = command(home, "job")
    assert (unknown.exit_code, "nothing is kept of job job" in unknown.output) == (1, True)
