"""Operations that come in from outside: what their authors may do, and what nobody may."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from portal.accounts.models import Account
from portal.accounts.throttle import Attempt
from portal.books import queries
from portal.custody import submissions
from portal.custody.ownership import own_key_of
from portal.functions.models import Function
from portal.keys import KeyName
from portal.outbox.models import OutboxOperation
from tests.support.outbox.market import CREDIT, Market
from tests.support.outbox.provider import PATH, send
from tests.support.people import PASSWORD, People, bounded, signed_in
from wire.ledger.operations import (
    Arguments,
    CreateJob,
    Deposit,
    Fold,
    Mint,
    PinKey,
    RenounceKey,
    RotateKey,
    Transfer,
    operation_text,
)
from wire.signing import ENROLMENT, OPERATION, RECEIPT, SigningKey

Work = Callable[[], None]
pytestmark = pytest.mark.django_db
KEY = SigningKey.generate()
MONEY = 100 * CREDIT


@pytest.fixture
def owner(people: People, market: Market, work: Work) -> Account:
    """Somebody with money whose account is moved by `KEY`."""
    account = people.developer
    rich = Market(clock=market.clock, keys=market.keys, developer_id=account.id)
    rich.opens(deposit=MONEY)
    rich.approves(rich.mints(MONEY))
    work()
    answer = take_over(account)
    assert answer.status_code == 202, answer.content
    work()
    assert own_key_of(str(account.id)) == KEY.public.key_id
    return account


def take_over(account: Account, key: SigningKey = KEY, **changes: str) -> Any:
    proof = key.sign(str(account.id).encode(), ENROLMENT)
    body = {"public_key_pem": key.public.pem, "proof": proof, "password": PASSWORD, **changes}
    return signed_in(account).post("/api/v1/account/own-key", body, content_type="application/json")


def post(account: Account, path: str, body: Any) -> Any:
    return signed_in(account).post(f"/api/v1/{path}", body, content_type="application/json")


def author(holder: object, arguments: Arguments, key: SigningKey = KEY, subject: object = "1") -> Any:
    text = operation_text(f"{arguments.kind}:{holder}:{subject}", arguments)
    return send(key.sign(text.encode(), OPERATION))


def outbox() -> int:
    return OutboxOperation.objects.count()


def assert_not_stored(answer: Any, status: int, before: int) -> None:
    assert answer.status_code == status, answer.content
    assert set(answer.json()) >= {"request_id", "component", "reason", "retryable", "hint"}
    assert outbox() == before


def test_an_owner_moves_its_own_money_and_asks_where_that_stands(owner: Account, market: Market, work: Work) -> None:
    transfer = Transfer(account_id=str(owner.id), to_account_id=str(market.developer_id), amount_micro=CREDIT)
    before = queries.balance(owner.id).available_micro

    first = author(owner.id, transfer)
    work()
    asked = signed_in(owner).get(first.headers["Location"])

    assert (first.status_code, first.json()["state"]) == (202, "pending")
    assert (asked.status_code, asked.json()["state"]) == (200, "committed")
    assert queries.balance(owner.id).available_micro == before - CREDIT


@pytest.mark.parametrize(
    ("path", "order"),
    [
        ("account/transfers", {"to": "paul", "amount_micro": CREDIT, "transfer_id": str(uuid4())}),
        ("account/deposit-notices", {"amount_micro": CREDIT, "notice_id": str(uuid4())}),
        (
            "account/requests",
            {"kind": "payout", "amount_micro": CREDIT, "note": "DE02 1203", "request_id": str(uuid4())},
        ),
    ],
)
def test_each_movement_of_an_own_account_waits_for_its_signature(
    owner: Account, market: Market, work: Work, path: str, order: dict[str, Any]
) -> None:
    rich = Market(clock=market.clock, keys=market.keys, developer_id=Account.objects.get(username="paul").id)
    rich.approves(rich.mints(MONEY))
    work()

    needed = post(owner, path, order)
    assert (needed.status_code, needed.json()["reason"]) == (403, "signature_needed")
    (text,) = needed.json()["fields"]["operation"]
    assert send(KEY.sign(text.encode(), OPERATION)).status_code == 202
    work()

    answer = post(owner, path, order)
    # A notice that runs is not given again.
    assert answer.status_code == (409 if "notice" in path else 202), answer.content
    kind = text.partition('"kind":"')[2].partition('"')[0]
    assert OutboxOperation.objects.filter(kind=kind, subject=str(owner.id), state="committed").count() == 1


def test_a_flood_by_one_participant_is_turned_away_and_holds_up_nobody_else(
    owner: Account, market: Market, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MOST_OF_ONE", 3)
    wishes = [Deposit(account_id=str(owner.id), amount_micro=number) for number in range(1, 6)]
    answers = [author(owner.id, wish, subject=wish.amount_micro) for wish in wishes]
    before = outbox()

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429, 429]
    assert_not_stored(author(owner.id, wishes[4], subject=5), 429, before)
    assert answers[4].headers["Retry-After"] == "10"
    assert "earlier operations wait" in answers[4].json()["hint"]
    assert author(owner.id, wishes[0], subject=1).status_code == 202, "what is stored can be asked for"
    renounced = RenounceKey(key_id=market.provider_key.public.key_id)
    assert author(market.provider_id, renounced, market.provider_key).status_code == 202
    work()
    assert author(owner.id, wishes[4], subject=5).status_code == 202


def test_a_flood_by_all_together_is_bounded_too(
    owner: Account, market: Market, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submissions, "MOST_OF_ALL", 1)
    deposit = Deposit(account_id=str(owner.id), amount_micro=CREDIT)
    renounced = RenounceKey(key_id=market.provider_key.public.key_id)
    author(owner.id, deposit)
    before = outbox()

    assert_not_stored(author(market.provider_id, renounced, market.provider_key), 503, before)
    market.creates()
    work()

    assert author(market.provider_id, renounced, market.provider_key).status_code == 202


def test_where_an_operation_stands_is_told_to_its_author_only(owner: Account, people: People) -> None:
    answer = author(owner.id, Deposit(account_id=str(owner.id), amount_micro=CREDIT))

    assert signed_in(people.stranger).get(answer.headers["Location"]).status_code == 404
    assert signed_in(people.peer).get(answer.headers["Location"]).status_code == 200


def test_custody_cannot_move_an_account_that_was_handed_over(owner: Account, work: Work) -> None:
    deposit_id, before = str(uuid4()), outbox()
    wish = {"amount_micro": CREDIT, "deposit_id": deposit_id}

    refused = post(owner, "account/deposits", wish)
    assert_not_stored(refused, 403, before)
    (text,) = refused.json()["fields"]["operation"]
    sent = send(KEY.sign(text.encode(), OPERATION))
    work()
    done = post(owner, "account/deposits", wish)

    assert refused.json()["reason"] == "signature_needed"
    assert sent.status_code == 202
    assert (done.status_code, done.json()["state"]) == (202, "committed")
    assert json.loads(text)["arguments"] == {"account_id": str(owner.id), "amount_micro": CREDIT}


def test_an_owners_version_goes_live_once_the_ledger_has_what_the_owner_signed(
    owner: Account, function: Function, work: Work
) -> None:
    address = f"functions/{function.name}/publish"
    refused = post(owner, address, {"version": 1})
    (text,) = refused.json()["fields"]["operation"]
    cheaper = text.replace('"price_ceiling_nano_per_ms":100', '"price_ceiling_nano_per_ms":1')
    assert cheaper != text

    send(KEY.sign(cheaper.encode(), OPERATION))
    work()
    (other,) = post(owner, address, {"version": 1}).json()["fields"]["operation"]
    send(KEY.sign(other.encode(), OPERATION))
    waiting = post(owner, address, {"version": 1})
    work()

    assert (refused.status_code, refused.json()["reason"]) == (403, "signature_needed")
    assert json.loads(other)["operation_id"] == f"{json.loads(text)['operation_id']}:2"
    assert (waiting.status_code, waiting.json()["reason"]) == (409, "conflict")
    # The ledger has another price for this version, for good: it cannot go live.
    assert post(owner, address, {"version": 1}).json()["reason"] == "signature_needed"


def test_an_owners_version_goes_live_as_it_was_signed(owner: Account, function: Function, work: Work) -> None:
    address = f"functions/{function.name}/publish"
    (text,) = post(owner, address, {"version": 1}).json()["fields"]["operation"]

    send(KEY.sign(text.encode(), OPERATION))
    work()

    assert post(owner, address, {"version": 1}).status_code == 200


@pytest.mark.parametrize("password", ["", "wrong", None])
def test_a_stolen_token_alone_hands_no_account_over(people: People, password: str | None) -> None:
    key = SigningKey.generate()
    proof = key.sign(str(people.developer.id).encode(), ENROLMENT)
    body = {"public_key_pem": key.public.pem, "proof": proof} | ({} if password is None else {"password": password})

    answer = post(people.developer, "account/own-key", body)

    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["password"]
    assert not OutboxOperation.objects.filter(kind="account.own").exists()


def test_an_account_is_handed_over_once_and_only_to_a_key_that_proves_itself(owner: Account, people: People) -> None:
    other = SigningKey.generate()
    before = outbox()

    assert_not_stored(take_over(owner, other), 409, before)
    stranger = people.stranger
    assert_not_stored(take_over(stranger, other, proof="x.y.z"), 400, before)
    assert_not_stored(take_over(stranger, other, proof=other.sign(str(owner.id).encode(), ENROLMENT)), 400, before)
    assert_not_stored(take_over(stranger, other, proof=other.sign(str(stranger.id).encode(), RECEIPT)), 400, before)
    assert_not_stored(take_over(stranger, other, public_key_pem="no key"), 400, before)


def test_nobody_moves_the_money_of_another(owner: Account, market: Market) -> None:
    before = outbox()
    theirs = Transfer(account_id=str(market.developer_id), to_account_id=str(owner.id), amount_micro=CREDIT)

    assert_not_stored(author(owner.id, theirs), 403, before)
    assert_not_stored(author(market.developer_id, theirs), 400, before)
    assert_not_stored(author(market.provider_id, theirs, market.provider_key), 403, before)


@pytest.mark.parametrize(
    "arguments",
    [
        Mint(account_id="x", amount_micro=CREDIT, reference="bank-1"),
        Fold(account_id="x"),
        PinKey(role="owner", holder="x", public_key_pem="x"),
        CreateJob(
            job_id="j",
            invocation_id="i",
            replicas=1,
            developer_id="d",
            provider_id="p",
            version_id="v",
            price_nano_per_ms=1,
            max_ms=1,
            max_cost_micro=1,
            ticket_digest="0" * 64,
            pay_until_ms=1,
            placed_at_ms=1,
        ),
    ],
)
def test_what_is_not_a_participants_is_not_taken(arguments: Arguments, owner: Account, market: Market) -> None:
    before = outbox()

    assert_not_stored(author(owner.id, arguments), 403, before)
    assert_not_stored(author(market.provider_id, arguments, market.provider_key), 403, before)
    # The controller's own keys do not write from outside either.
    assert_not_stored(author("x", arguments, market.keys[KeyName.RECORDER]), 403, before)
    assert_not_stored(author("x", arguments, market.keys[KeyName.TREASURY]), 403, before)


def test_what_is_forged_altered_or_by_an_unknown_key_is_not_stored(owner: Account) -> None:
    before = outbox()
    transfer = Transfer(account_id=str(owner.id), to_account_id="x", amount_micro=CREDIT)
    text = operation_text(f"account.transfer:{owner.id}:1", transfer)
    good = KEY.sign(text.encode(), OPERATION)
    head, body, signature = good.split(".")
    other = KEY.sign(text.replace("1000000", "9000000").encode(), OPERATION).split(".")

    assert_not_stored(author(owner.id, transfer, SigningKey.generate()), 403, before)
    assert_not_stored(send(f"{head}.{other[1]}.{signature}"), 403, before)
    assert_not_stored(send(f"{head}.{body}.{'A' * 86}"), 403, before)
    assert_not_stored(send(KEY.sign(text.encode(), RECEIPT)), 403, before)
    assert_not_stored(send(text), 400, before)
    for senseless in ("", "x", "x.y.z", "\x00", "{}", KEY.sign(b"[]", OPERATION), KEY.sign(b"{}", OPERATION)):
        assert_not_stored(send(senseless), 400, before)


def test_a_body_that_is_too_large_is_refused(owner: Account) -> None:
    before = outbox()

    assert_not_stored(send("x" * 70_000), 413, before)
    assert_not_stored(send(KEY.sign(b"x" * 60_000, OPERATION)), 413, before)
    assert_not_stored(send("x" * (1 << 20)), 413, before)
    assert owner


def test_a_key_that_was_replaced_or_renounced_authors_nothing_more(owner: Account, work: Work) -> None:
    newer = SigningKey.generate()
    assert author(owner.id, RotateKey(public_key_pem=newer.public.pem)).status_code == 202
    work()
    assert author(owner.id, RenounceKey(key_id=KEY.public.key_id), newer).status_code == 202
    work()
    before = outbox()

    deposit = Deposit(account_id=str(owner.id), amount_micro=CREDIT)
    assert_not_stored(author(owner.id, deposit, KEY), 403, before)
    assert author(owner.id, deposit, newer).status_code == 202


def test_a_forged_operation_costs_its_supposed_author_nothing(owner: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, Attempt.OPERATION_KEY, 1)
    bounded(monkeypatch, Attempt.OPERATION, 4)
    deposit = Deposit(account_id=str(owner.id), amount_micro=CREDIT)
    text = operation_text(f"account.deposit:{owner.id}:1", deposit)
    good = KEY.sign(text.encode(), OPERATION)
    forged = f"{good.rpartition('.')[0]}.{'A' * 86}"

    codes = [send(forged).status_code, send(good).status_code, send(good).status_code]
    codes += [send(forged).status_code, send(forged).status_code]

    assert codes == [403, 202, 429, 403, 429]


def test_only_json_by_post_is_taken(owner: Account) -> None:
    assert signed_in(owner).get(PATH).status_code == 405
    assert signed_in(owner).post(PATH, {"operation": 5}, content_type="application/json").status_code == 400
    assert signed_in(owner).post(PATH, {"other": "x"}, content_type="application/json").status_code == 400
