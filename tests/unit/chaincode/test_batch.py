"""Each operation of a batch succeeds or is refused alone; repeats change nothing; a batch reads and writes once."""

from dataclasses import fields
from typing import Any

import pytest

from chaincode.contracts.execution import batch, registered
from chaincode.contracts.testing import InMemoryState
from tests.support.ledger import CREDIT, KEYS, OUTPUT, World, job_arguments, receipt_jws
from tests.support.operations import everybody
from wire.ledger.blocks import OperationStatus
from wire.ledger.operations import Approve, ConfirmResult, CreateJob, SetFees, SubmitReceipt, operation_text
from wire.ledger.records import JobRecord
from wire.ledger.refusals import RETRYABLE, SENTENCES, Refusal
from wire.signing import OPERATION, TRANSACTION, sha256_hex


def a_job(job_id: str) -> list[str]:
    return [
        operation_text(f"job.create:{job_id}", job_arguments(job_id)),
        operation_text(f"job.receipt:{job_id}", SubmitReceipt(job_id=job_id, receipt=receipt_jws(job_id))),
        operation_text(f"job.confirm:{job_id}", ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=12_000)),
    ]


def test_a_whole_job_fits_into_one_transaction(world: World) -> None:
    results = world.run(*a_job("job6"))

    assert [result.status for result in results] == [OperationStatus.APPLIED] * 3
    assert [event.name for event in world.events[-3:]] == ["job.created.v1", "job.receipted.v1", "job.settled.v1"]
    assert world.owns("alice") == 612 * CREDIT
    assert world.books() == (0, {})


def test_a_whole_job_in_one_transaction_writes_three_keys_of_its_own(world: World) -> None:
    before = {key for key, _ in world.ledger.items("")}

    world.run(*a_job("job6"))

    own = {key for key, _ in world.ledger.items("") if key not in before and "job6" in key}
    assert own == {"job~job6", "invocation~call-of-job6", "operation~job6"}


def test_events_of_a_job_tell_what_changed(world: World) -> None:
    world.run(*a_job("job6"))

    created, receipted, settled = (event.body for event in world.events[-3:])
    assert (created["max_cost_micro"], created["state"], "cost_micro" in created) == (20 * CREDIT, "created", False)
    assert {*receipted} - {"developer_id", "account_id"} == {
        *("state", "claimed_ms", "receipt_digest", "exit_state", "receipted_at_ms")
    }
    assert (settled["cost_micro"], settled["account_id"], "max_cost_micro" in settled) == (12 * CREDIT, "alice", False)


def test_a_record_has_no_field_that_it_does_not_name(world: World) -> None:
    world.run(*a_job("job6"))

    with pytest.raises(TypeError, match="a job has no colour"):
        world.job().but(colour="red")
    with pytest.raises(TypeError, match="a job has no colour"):
        JobRecord.new(**vars(world.job()), colour="red")
    with pytest.raises(TypeError, match="a job needs account_id, created_at_ms"):
        JobRecord.new(job_id="job7")


def test_a_record_that_is_made_at_once_is_as_any_other(world: World) -> None:
    world.run(*a_job("job6"))
    said = {
        item.name: value for item in fields(JobRecord) if (value := getattr(world.job(), item.name)) != item.default
    }

    assert JobRecord.new(**said) == JobRecord(**said) == world.job()
    assert list(vars(JobRecord.new(**said))) == list(vars(JobRecord(**said)))


def test_a_refused_operation_leaves_the_others_alone(world: World) -> None:
    bad = operation_text("job.create:bad", job_arguments("bad", version_id="unknown"))
    broken = '{"kind":"job.create"'

    results = world.run(*a_job("job6"), bad, broken, *a_job("job8"))

    statuses = [result.status.value for result in results]
    assert statuses == ["applied"] * 3 + ["refused"] * 2 + ["applied"] * 3
    assert (results[3].operation_id, results[3].reason) == ("job.create:bad", "unknown_version")
    assert (results[4].operation_id, results[4].reason) == ("", "malformed")
    assert world.books() == (0, {})


def test_the_same_operation_again_changes_nothing(world: World) -> None:
    operations = a_job("job6")
    world.run(*operations)
    before = dict(world.ledger.items(""))

    again = world.run(*operations, *operations)

    assert {result.status for result in again} == {OperationStatus.REPEATED}
    assert dict(world.ledger.items("")) == before


def test_an_operation_is_known_by_its_id_whoever_signs_it(world: World) -> None:
    text = a_job("job6")[0]
    world.run(text)

    assert world.send(KEYS.controller.sign(text.encode(), OPERATION)) == "repeated"
    assert world.send(KEYS.controller.sign(text.encode(), OPERATION)) == "repeated"


def test_the_same_id_with_other_content_is_a_conflict(world: World) -> None:
    world.run(a_job("job6")[0])

    assert world.send(operation_text("job.create:job6", job_arguments("job8"))) == "conflict"
    first, other = a_job("job9")[0], operation_text("job.create:job9", job_arguments("job9", max_ms=5))
    assert [result.reason for result in world.run(first, other)] == ["", "conflict"]


def test_a_refused_operation_may_come_again(world: World) -> None:
    create, receipt, _ = a_job("job6")

    assert world.send(receipt) == "unknown_job"
    assert (world.send(create), world.send(receipt)) == ("applied", "applied")


def test_a_signed_operation_counts_for_its_author_not_for_its_submitter(world: World) -> None:
    text = a_job("job6")[0].encode()

    assert world.send(KEYS.alice.sign(text, OPERATION), by=KEYS.controller) == "not_authorised"
    assert world.send(KEYS.stranger.sign(text, OPERATION), by=KEYS.controller) == "unknown_key"
    assert world.send(KEYS.controller.sign(text, TRANSACTION), by=KEYS.controller) == "bad_signature"
    forged = KEYS.controller.sign(text, OPERATION).rsplit(".", 1)[0] + "." + "A" * 86
    assert world.send(forged, by=KEYS.controller) == "bad_signature"
    assert world.send(KEYS.controller.sign(text, OPERATION), by=KEYS.alice) == "applied"


def test_nobody_takes_an_operation_id_that_another_needs(world: World) -> None:
    """A receipt, a payment of a claim and an epoch's end are anybody's to send: the ids are not."""
    create, receipt, confirm = a_job("job6")
    world.run(create, a_job("job8")[0])
    mine = SubmitReceipt(job_id="job8", receipt=receipt_jws("job8"))
    taken = operation_text("job.receipt:job6", mine)

    for key in (KEYS.alice, KEYS.ours, KEYS.peers):
        assert world.send(key.sign(taken.encode(), OPERATION)) == "not_authorised"
        assert world.send(taken, by=key) == "not_authorised"
    assert "job.receipt:alice-pc:" in world.detail(KEYS.alice.sign(taken.encode(), OPERATION))
    for near in ("job.receipt:alice-pc", "job.receipt:alice-pcs:1", "job.receipt:alice:1", "job.receipt:kate-pc:1"):
        assert world.send(operation_text(near, mine), by=KEYS.alice) == "not_authorised"
    assert world.send(receipt) == "applied"
    assert world.send(operation_text("job.receipt:alice-pc:1", mine), by=KEYS.alice) == "applied"
    assert world.send(confirm) == "applied"


def test_no_organisation_takes_the_id_of_the_other_s_approval(world: World) -> None:
    fees = SetFees(version=2, platform_ppm=1, peers_ppm=1)
    text = operation_text("fees.set:2", fees)
    assert world.send(KEYS.ours.sign(text.encode(), OPERATION)) == "applied"
    approval = Approve(proposal_id="fees.set:2", digest=sha256_hex(text.encode()))

    for name in ("controller", "peer", "1"):
        taken = operation_text(f"proposal.approve:{name}:fees.set:2", approval)
        assert world.send(KEYS.peers.sign(taken.encode(), OPERATION)) == "not_authorised"
    own = operation_text("proposal.approve:peers:fees.set:2", approval)
    assert world.send(KEYS.peers.sign(own.encode(), OPERATION)) == "applied"


HOLDS_A_QUOTE = '"\\""'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        "a.b",
        "a.b.c",
        '{"kind":7,"operation_id":"x","arguments":{}}',
        '{"kind":"job.create","operation_id":7,"arguments":{}}',
        '{"kind":"job.create","operation_id":"job.create:1","arguments":[]}',
        '{"kind":"job.create","operation_id":"job.create:1","arguments":{}}',
        '{"kind":"job.create","operation_id":"job.create:a~b","arguments":{}}',
        '{"kind":"job.create","operation_id":"job.confirm:1","arguments":{}}',
        '{"kind":"job.supersede","operation_id":"job.supersede:1","arguments":{"job_id":"\\ud800"}}',
        '{"kind":"job.supersede","operation_id":"job.supersede:1","arguments":{"job_id":["x"]}}',
        '{"kind":"job.supersede","operation_id":"job.supersede:\ud800","arguments":{"job_id":"x"}}',
        '{"x":' + "[" * 50_000 + "]" * 50_000 + "}",
        "{" + " " * 70_000 + "}",
        '{"kind":"__init__","operation_id":"__init__:1","arguments":{}}',
        '{"kind":"__init__","operation_id":"__init__:\\u0041","arguments":{"x":NaN,"y":1e999}}',
        KEYS.alice.sign(
            f'{{"x":{HOLDS_A_QUOTE},"y":{"[" * 9_000}{"]" * 9_000},"z":""}}'.encode("utf-16-le"), OPERATION
        ),
        KEYS.alice.sign(b'{"kind":"\xed\xa0\x80"}', OPERATION),
    ],
)
def test_what_is_no_operation_is_refused_without_harm(world: World, text: str) -> None:
    before = dict(world.ledger.items(""))

    (result,) = world.run(text)

    assert result.status is OperationStatus.REFUSED
    assert result.reason in {"malformed", "unknown_kind"}
    assert result.detail
    assert dict(world.ledger.items("")) == before


def test_every_bad_argument_of_every_operation_is_refused_by_its_name(world: World) -> None:
    everybody.assert_each_kind_has_an_example()
    everybody.assert_bad_arguments_are_refused_by_name(world)


def test_nobody_does_what_is_not_theirs_to_do(world: World) -> None:
    everybody.assert_nobody_does_what_is_not_theirs(world)
    everybody.assert_nobody_submits_what_is_not_theirs(world)


def test_an_operation_that_raises_is_set_aside_and_blocks_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_ctx: Any, _arguments: Any) -> None:
        raise KeyError("a mistake in a contract")

    create = registered.TRANSACTIONS["job.create"]
    broken = type(create)(arguments=CreateJob, reads=create.reads, apply=fail)
    good, bad = a_job("job6")[0], operation_text("job.create:job8", job_arguments("job8"))
    world.run(good)
    monkeypatch.setitem(registered.TRANSACTIONS, "job.create", broken)

    results = world.run(bad, a_job("job6")[1])

    assert [result.reason for result in results] == ["raised", ""]
    assert caplog.records[0].__dict__["operation_id"] == "job.create:job8"


def test_a_batch_costs_one_read_and_one_write_and_a_second_read_for_jobs_of_earlier_batches(world: World) -> None:
    assert isinstance(world.ledger, InMemoryState)
    jobs = [f"job{number}" for number in range(3)]
    stub = world.ledger.stub(KEYS.controller.public.key_id, world.now_ms)
    batch.run(stub, [a_job(job_id)[0] for job_id in jobs])
    assert (stub.reads, stub.writes) == (1, 1)

    stub = world.ledger.stub(KEYS.controller.public.key_id, world.now_ms)
    batch.run(stub, [text for job_id in jobs for text in a_job(job_id)[1:]])

    assert (stub.reads, stub.writes) == (2, 1)


def test_every_refusal_has_its_sentence() -> None:
    assert set(SENTENCES) == set(Refusal)
    assert set(Refusal) > RETRYABLE
