"""What somebody who means ill tries on the API: each try ends in a plain refusal and changes nothing."""

from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from portal.accounts.models import Account, RoleGrant
from portal.accounts.throttle import Attempt
from portal.books.models import Balance
from portal.functions.models import Function
from portal.functions.testing import FakeRegistry
from portal.outbox.models import OutboxOperation
from portal.providers.models import EnrolmentCode, Provider
from portal.providers.testing import InMemoryBrokerAdmin
from tests.integration.portal_api.conftest import Clients
from tests.support.machines import Machine
from tests.support.people import PASSWORD, People, bounded
from wire.signing import RENEWAL, SigningKey

VERSION = {"image_link": "registry.example/word-count:1", "price_ceiling_nano_per_ms": 1, "budget_micro_per_day": 1}


@pytest.mark.parametrize(
    "extra",
    [
        {"state": "published"},
        {"owner": "0" * 32},
        {"id": "0" * 32},
        {"live_version": 1},
        {"version": VERSION | {"image": "registry.example/evil@sha256:" + "0" * 64}},
        {"version": VERSION | {"number": 7}},
        {"version": VERSION | {"limits": {"memory_mb": 64, "privileged": True}}},
    ],
)
def test_no_field_is_set_that_is_not_asked_for(
    extra: dict[str, Any], people: People, image_registry: FakeRegistry, api: Clients
) -> None:
    assert image_registry
    body = {"name": "mine", "version": VERSION} | extra

    answer = api.call(people.developer, "POST", "functions", body)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "There is no such field." in str(answer.json()["fields"])
    assert not Function.objects.exists()


@pytest.mark.parametrize("extra", [{"approve": True}, {"state": "active"}, {"account": "x"}])
def test_nobody_approves_their_own_role(extra: dict[str, Any], people: People, api: Clients) -> None:
    answer = api.call(people.stranger, "POST", "account/roles", {"role": "peer"} | extra)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert not RoleGrant.objects.filter(account=people.stranger, role="peer").exists()
    api.call(people.stranger, "POST", "account/roles", {"role": "peer"})
    assert RoleGrant.objects.get(account=people.stranger, role="peer").state == "pending"
    assert api.call(people.stranger, "POST", "account/roles", {"role": "administrator"}).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"name": "n" * 10_000, "version": VERSION},
        {"name": "mine", "description": "d" * 201, "version": VERSION},
        {"name": "mine", "version": VERSION | {"image_link": "r.example/" + "a" * 10_000 + ":1"}},
        {"name": "mine", "version": VERSION | {"environment": {"A": "x" * 20_000}}},
        {"name": "mine", "version": VERSION | {"price_ceiling_nano_per_ms": 10**40}},
        {"name": "mine", "version": VERSION | {"budget_micro_per_day": 10**16}},
        {"name": "mine", "version": VERSION | {"rate_per_minute": 2**31}},
        {"name": "mine", "version": VERSION | {"limits": {"memory_mb": 10**9}}},
        {"name": "mine\0", "version": VERSION},
        {"name": ["mine"], "version": VERSION},
        {"name": "mine", "version": []},
        {"name": "mine"},
        [],
        '"text"',
        None,
    ],
)
def test_a_body_that_is_too_long_or_of_another_form_is_refused(
    body: Any, people: People, image_registry: FakeRegistry, api: Clients
) -> None:
    assert image_registry

    answer = api.call(people.developer, "POST", "functions", body)

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["reason"] == "invalid"
    assert answer.json()["fields"]


def test_a_body_of_megabytes_is_refused(people: People, api: Clients) -> None:
    answer = api.call(people.developer, "POST", "tokens", {"name": "x" * 2_000_000})

    assert answer.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert answer.json()["reason"] == "input_too_large"


@pytest.mark.parametrize("text", ["{", "", "\xff", "[" * 100_000, '{"name": NaN}', "<xml/>"])
def test_what_is_not_json_is_refused(text: str, people: People, api: Clients) -> None:
    answer = api.of(people.developer).post("/api/v1/tokens", text, content_type="application/json")

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert answer.json()["reason"] == "invalid"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_of_another_site_is_not_json(content_type: str, people: People, api: Clients) -> None:
    answer = api.of(people.developer).post("/api/v1/tokens", b'{"name": "x"}', content_type=content_type)

    assert answer.status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert set(answer.json()) == {"request_id", "component", "reason", "retryable", "hint"}


def test_a_session_changes_nothing_without_its_csrf_token(people: People) -> None:
    browser = Client(enforce_csrf_checks=True, SERVER_NAME="localhost")
    browser.force_login(people.developer)

    assert browser.get("/api/v1/account", secure=True).status_code == HTTPStatus.OK
    answer = browser.post("/api/v1/tokens", {"name": "x"}, content_type="application/json", secure=True)

    assert answer.status_code == HTTPStatus.FORBIDDEN
    assert answer.json()["reason"] == "forbidden"
    assert not people.developer.tokens.exists()


def test_a_token_needs_no_csrf_token(people: People, api: Clients) -> None:
    assert api.call(people.developer, "POST", "tokens", {"name": "x"}).status_code == HTTPStatus.CREATED


@pytest.mark.parametrize("method", ["get", "head", "options", "trace", "put", "patch"])
@pytest.mark.parametrize("action", ["publish", "roll-back", "stop", "start"])
def test_only_post_changes_a_function(
    method: str, action: str, people: People, published: Function, api: Clients
) -> None:
    send = getattr(api.of(people.developer), method)

    answer = send(f"/api/v1/functions/{published.name}/{action}?version=1")

    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    assert Function.objects.get(id=published.id).state == "published"


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_header_does_not_change_the_method(header: str, people: People, published: Function, api: Clients) -> None:
    path = f"/api/v1/functions/{published.name}"

    api.of(people.developer).get(path, headers={header: "DELETE"})
    api.of(people.developer).post(f"{path}?_method=DELETE", {"_method": "DELETE"}, headers={header: "DELETE"})

    assert Function.objects.get(id=published.id).state == "published"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:8444", "localhost.evil.example", "localhost@evil.example"])
def test_another_host_name_is_refused(host: str, people: People, api: Clients) -> None:
    answer = api.of(people.developer).get("/api/v1/account", headers={"Host": host})

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert "dora" not in answer.content.decode()


def test_a_request_id_from_outside_is_not_believed(people: People, api: Clients) -> None:
    answer = api.of(people.developer).get("/api/v1/nothing", headers={"X-Request-Id": "mine\r\nX: y"})

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert UUID(answer.json()["request_id"]) == UUID(answer.headers["X-Request-Id"])


@pytest.mark.parametrize(
    "path",
    [
        "functions/word-count/versions/99999999999999999999999999",
        "functions/%00",
        "functions/..%2f..%2fadmin",
        "role-requests/99999999999999999999999999/decision",
        "ledger/blocks/99999999999999999999999999",
        "ledger/jobs/" + "x" * 5_000,
        "ledger/transactions/%27%20OR%201=1",
        "ledger/transactions/%00",
        "ledger/operations/%00",
        "ledger/accounts/%00",
        "tokens/not-a-uuid",
        "nowhere",
    ],
)
def test_an_address_that_makes_no_sense_is_nowhere(
    path: str, people: People, published: Function, api: Clients
) -> None:
    assert published
    for method in ("GET", "POST", "DELETE"):
        answer = api.call(people.administrator, method, path, {"approve": True})

        assert answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
        assert answer.json()["request_id"]


@pytest.mark.parametrize(
    "query", ["cursor=x", "cursor=" + "A" * 9_000, "page_size=-1", "page_size=1000000", "cursor=%00"]
)
def test_a_made_up_page_does_no_harm(query: str, people: People, published: Function, api: Clients) -> None:
    assert published

    answer = api.call(people.developer, "GET", f"functions?{query}")

    assert answer.status_code in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}


@pytest.mark.parametrize(
    "query", ["before=-1", "before=x", "limit=0", "limit=1000000", "before=99999999999999999999", "x=1"]
)
def test_a_made_up_part_of_the_blocks_is_refused(query: str, people: People, api: Clients) -> None:
    assert api.call(people.developer, "GET", f"ledger/blocks?{query}").status_code == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer cf_abcdefgh_" + "a" * 43, "Basic ZG9yYTpwYXNz", "bearer \0", "Token x"]
)
@pytest.mark.django_db
def test_a_made_up_token_opens_nothing(header: str) -> None:
    answer = Client(SERVER_NAME="localhost").get("/api/v1/account", headers={"Authorization": header})

    assert answer.status_code == HTTPStatus.UNAUTHORIZED


def test_a_bad_token_does_not_fall_back_to_the_session(people: People) -> None:
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(people.developer)

    answer = browser.get("/api/v1/account", secure=True, headers={"Authorization": "Bearer nonsense"})

    assert answer.status_code == HTTPStatus.UNAUTHORIZED


@pytest.mark.usefixtures("controller_keys", "broker_users", "db")
def test_codes_cannot_be_guessed_for_long(api: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, Attempt.ENROLMENT, 3)
    machine, guess = Machine(), "00000-00000-00000-00000"
    body = {"code": guess, "statement": machine.statement(guess)}

    answers = [api.call(None, "POST", "enrolments", body) for _ in range(4)]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert not Provider.objects.exists()


def test_names_cannot_be_asked_for_by_transfers(people: People, api: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, Attempt.MOVE, 2)

    answers = [
        api.call(
            people.developer,
            "POST",
            "account/transfers",
            {"to": "nobody", "amount_micro": 1, "transfer_id": str(uuid4())},
        )
        for _ in range(3)
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 429]


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["enrolments", "joins"])
def test_statements_cannot_be_tried_for_long(api: Clients, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    bounded(monkeypatch, Attempt.ENROLMENT, 2)
    body = {"code": "00000-00000-00000-00000", "statement": "no.such.statement"}

    answers = [api.call(None, "POST", address, body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [400, 400, 429]


@pytest.mark.usefixtures("controller_keys")
def test_an_enrolment_that_the_broker_did_not_hear_of_counts_as_failed(
    people: People, broker_users: InMemoryBrokerAdmin, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, Attempt.ENROLMENT, 1)
    code = api.call(people.provider, "POST", "enrolment-codes", {"name": "attic"}).json()["text"]
    body = {"code": code, "statement": Machine().statement(code)}
    broker_users.is_away = True

    answers = [api.call(None, "POST", "enrolments", body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [503, 429]


@pytest.mark.usefixtures("controller_keys")
def test_successful_enrolments_are_not_held_against_an_address(
    people: People, broker_users: InMemoryBrokerAdmin, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, Attempt.ENROLMENT, 1)

    for name in ("attic", "cellar"):
        code = api.call(people.provider, "POST", "enrolment-codes", {"name": name}).json()["text"]
        answer = api.call(None, "POST", "enrolments", {"code": code, "statement": Machine().statement(code)})
        assert answer.status_code == HTTPStatus.OK
    assert len(broker_users.granted()) == 2


@pytest.mark.usefixtures("controller_keys")
def test_more_than_there_is_never_reaches_the_ledger(people: People, api: Clients) -> None:
    Balance.objects.create(account_id=str(people.developer.id), available_micro=1_000)
    order = {"amount_micro": 1_001}
    orders = {"account/deposits": order, "account/transfers": order | {"to": "paul"}, "account/deposit-notices": order}

    answers = [api.call(people.developer, "POST", path, body) for path, body in orders.items()]

    assert [answer.status_code for answer in answers] == [HTTPStatus.BAD_REQUEST] * 3
    assert {name for answer in answers for name in answer.json()["fields"]} == {"amount_micro"}
    assert not OutboxOperation.objects.exists()


@pytest.mark.parametrize(
    ("attempt", "order"),
    [
        (Attempt.DEPOSIT, ("account/deposits", {"amount_micro": 1})),
        (Attempt.MOVE, ("account/transfers", {"to": "paul", "amount_micro": 1})),
        (Attempt.MOVE, ("account/deposit-notices", {"amount_micro": 1})),
        (Attempt.MOVE, ("account/withdrawals", {})),
        (Attempt.MOVE, ("account/requests", {"kind": "top_up", "amount_micro": 1, "note": "x"})),
        (Attempt.MOVE, ("account/requests", {"kind": "payout", "amount_micro": 1, "note": "x"})),
        (Attempt.PASSWORD, ("account/own-key", {"password": "wrong", "public_key_pem": "x", "proof": "x"})),
    ],
)
@pytest.mark.usefixtures("controller_keys")
def test_money_is_not_asked_for_without_end(
    attempt: Attempt, order: tuple[str, dict[str, Any]], people: People, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounded(monkeypatch, attempt, 1)

    answers = [api.call(people.developer, "POST", *order) for _ in range(2)]
    others = api.call(people.stranger, "POST", *order)

    assert answers[1].status_code == HTTPStatus.TOO_MANY_REQUESTS
    assert int(answers[1].headers["Retry-After"]) > 0
    assert HTTPStatus.TOO_MANY_REQUESTS not in {answers[0].status_code, others.status_code}


@pytest.mark.usefixtures("controller_keys")
def test_pages_and_api_count_together(people: People, api: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, Attempt.DEPOSIT, 1)
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(people.developer)
    form = browser.get("/money", secure=True).context["forms"]["deposit"]

    browser.post("/money/deposit", {"amount": "1", "move_id": str(form["move_id"].value())}, secure=True)
    answer = api.call(people.developer, "POST", "account/deposits", {"amount_micro": 1})

    assert answer.status_code == HTTPStatus.TOO_MANY_REQUESTS


@pytest.mark.usefixtures("controller_keys", "broker_users", "db")
def test_renewals_cannot_be_guessed_for_long(api: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    bounded(monkeypatch, Attempt.ENROLMENT, 1)
    body = {"statement": SigningKey.generate().sign(b"{}", RENEWAL)}

    answers = [api.call(None, "POST", "renewals", body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS]


def test_what_fails_unexpectedly_says_so_and_no_more(
    people: People, api: Clients, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError(PASSWORD)

    monkeypatch.setattr("portal.api.views.functions.Functions.rows", broken)

    answer = api.call(people.developer, "GET", "functions")

    assert answer.status_code == HTTPStatus.INTERNAL_SERVER_ERROR
    assert answer.json()["reason"] == "internal"
    assert PASSWORD not in answer.content.decode()
    [record] = [item for item in caplog.records if item.message == "api.failed"]
    assert vars(record)["request_id"] == answer.json()["request_id"]


def test_a_closed_account_is_shut_out_at_once(people: People, api: Clients) -> None:
    client = api.of(people.developer)
    Account.objects.filter(id=people.developer.id).update(is_active=False)

    assert client.get("/api/v1/account").status_code == HTTPStatus.UNAUTHORIZED


def test_a_code_is_shown_once_and_belongs_to_its_owner(people: People, api: Clients) -> None:
    made = api.call(people.provider, "POST", "enrolment-codes", {"name": "attic"}).json()

    assert made["text"] not in api.call(people.provider, "GET", "enrolment-codes").content.decode()
    assert api.call(people.stranger, "GET", "enrolment-codes").json()["results"] == []
    assert EnrolmentCode.objects.get().owner == people.provider


@pytest.mark.parametrize("path", ["account", "nowhere", "openapi.json"])
def test_no_copy_is_kept_of_an_answer(path: str, people: People, api: Clients) -> None:
    assert "no-store" in api.call(people.developer, "GET", path).headers["Cache-Control"]
