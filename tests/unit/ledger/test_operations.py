"""The outbox: the same operation twice, other content, authors."""

from uuid import UUID

import pytest

from portal.books.set_aside import retry_set_aside
from portal.custody.topping_up import mint
from portal.keys import KeyName
from portal.outbox.errors import OperationConflict
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.operations import Outgoing, enqueue, enqueue_all, text_of
from tests.support.outbox.market import ManualClock, signing_keys
from wire import signing
from wire.codec import parse_object
from wire.ledger.operations import ExpireJob, Mint, SupersedeJob, operation_id_of
from wire.money import Micro

pytestmark = pytest.mark.django_db
ACCOUNT = UUID(int=7)


def test_an_operation_is_spelt_by_its_kind_and_subject() -> None:
    assert operation_id_of(SupersedeJob, "j-1") == "job.supersede:j-1"


def test_an_operation_waits_as_canonical_json(clock: ManualClock) -> None:
    enqueue(operation_id="job.expire:j", arguments=ExpireJob(job_id="j"), subject="j", now=clock())

    row = OutboxOperation.objects.get()
    assert row.body == '{"arguments":{"job_id":"j"},"kind":"job.expire","operation_id":"job.expire:j"}'
    assert (row.kind, row.subject, row.state, row.created_at) == ("job.expire", "j", OutboxState.PENDING, clock())


def test_an_authors_operation_waits_as_its_jws(clock: ManualClock) -> None:
    treasury = signing_keys()[KeyName.TREASURY]

    operation_id = mint(ACCOUNT, amount=Micro(5), reference="bank-1", now=clock(), treasury=treasury)

    body = OutboxOperation.objects.get(operation_id=operation_id).body
    payload = treasury.public.verify(body, signing.OPERATION)
    assert payload.decode() == text_of(body)
    assert parse_object(payload)["arguments"] == {
        "account_id": str(ACCOUNT),
        "amount_micro": 5,
        "reference": "bank-1",
    }


def test_the_same_operation_twice_is_harmless_even_with_another_signature(clock: ManualClock) -> None:
    for _ in range(2):
        mint(ACCOUNT, amount=Micro(5), reference="bank-1", now=clock(), treasury=signing_keys()[KeyName.TREASURY])

    assert OutboxOperation.objects.count() == 1


def test_the_same_id_with_other_content_is_a_conflict(clock: ManualClock) -> None:
    treasury = signing_keys()[KeyName.TREASURY]
    mint(ACCOUNT, amount=Micro(5), reference="bank-1", now=clock(), treasury=treasury)

    with pytest.raises(OperationConflict, match="bank-1"):
        mint(ACCOUNT, amount=Micro(6), reference="bank-1", now=clock(), treasury=treasury)


def test_several_operations_keep_their_order(clock: ManualClock) -> None:
    outgoing = [Outgoing(operation_id=f"o-{n}", arguments=ExpireJob(job_id="j"), subject="j") for n in range(30)]

    enqueue_all(outgoing, now=clock())

    stored = OutboxOperation.objects.order_by("id").values_list("operation_id", flat=True)
    assert list(stored) == [item.operation_id for item in outgoing]


def test_nothing_is_enqueued_without_operations(clock: ManualClock) -> None:
    enqueue_all([], now=clock())

    assert not OutboxOperation.objects.exists()


def test_only_what_is_set_aside_can_be_sent_again(clock: ManualClock) -> None:
    arguments = Mint(account_id="a", amount_micro=1, reference="r")
    enqueue(operation_id="account.mint:r", arguments=arguments, subject="a", now=clock())
    assert retry_set_aside("account.mint:r") == 0
    OutboxOperation.objects.update(state=OutboxState.SET_ASIDE, reason="raised", transaction_id="t")

    assert retry_set_aside("account.mint:r") == 1

    row = OutboxOperation.objects.get()
    assert (row.state, row.reason, row.transaction_id) == (OutboxState.PENDING, "", "")
