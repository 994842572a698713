"""Everybody who is not concerned is refused, at every address, and learns nothing."""

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from django.urls import get_resolver

from portal.accounts import operations as accounts
from portal.accounts.models import ApiToken, Role
from portal.books.models import LedgerJob
from portal.functions.models import Function
from portal.governance import asking
from portal.governance.models import GovernedRequest
from portal.invocations.models import Job
from portal.outbox.models import OutboxOperation
from portal.providers.models import Provider
from tests.integration.portal_api.conftest import Clients
from tests.support.outbox.bank import wish
from tests.support.people import NOW, People

VERSION = {"image_link": "registry.example/word-count:1", "price_ceiling_nano_per_ms": 1, "budget_micro_per_day": 1}


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """One address with one method."""

    method: str
    path: str
    body: Any = None
    #: What a stranger gets: not even that it exists.
    stranger: int = HTTPStatus.NOT_FOUND


#: Every address that shows or changes something of somebody; `{…}` is filled in with what belongs to others.
OTHERS = [
    Door(method="DELETE", path="tokens/{token}"),
    Door(method="GET", path="functions/{function}"),
    Door(method="DELETE", path="functions/{function}"),
    Door(method="GET", path="functions/{function}/versions"),
    Door(method="POST", path="functions/{function}/versions", body=VERSION),
    Door(method="GET", path="functions/{function}/versions/1"),
    Door(method="POST", path="functions/{function}/publish", body={"version": 1}),
    Door(method="POST", path="functions/{function}/roll-back", body={"version": 1}),
    Door(method="POST", path="functions/{function}/stop"),
    Door(method="POST", path="functions/{function}/start"),
    Door(method="GET", path="providers/{provider}"),
    Door(method="POST", path="providers/{provider}/revoke"),
    Door(method="GET", path="invocations/{invocation}"),
    Door(method="GET", path="ledger/jobs/{job}"),
    Door(method="GET", path="ledger/accounts/{developer}"),
    Door(method="GET", path="ledger/accounts/platform"),
    Door(method="GET", path="ledger/operations/{operation}"),
    Door(method="GET", path="role-requests", stranger=HTTPStatus.FORBIDDEN),
    Door(method="POST", path="role-requests/{grant}/decision", body={"approve": True}, stranger=HTTPStatus.FORBIDDEN),
    Door(
        method="POST",
        path="mints",
        body={"username": "mallory", "amount_micro": 1, "reference": "x"},
        stranger=HTTPStatus.FORBIDDEN,
    ),
    Door(method="GET", path="account/requests/{request}"),
    Door(method="GET", path="requests", stranger=HTTPStatus.FORBIDDEN),
    Door(
        method="POST",
        path="requests/{request}/approval",
        body={"digest": "0" * 64, "reference": "r"},
        stranger=HTTPStatus.FORBIDDEN,
    ),
    Door(
        method="POST",
        path="requests/{request}/refusal",
        body={"reason": "no"},
        stranger=HTTPStatus.FORBIDDEN,
    ),
    Door(method="POST", path="account/requests/{request}/withdrawal"),
    Door(method="GET", path="keys", stranger=HTTPStatus.FORBIDDEN),
    Door(
        method="POST",
        path="keys",
        body={"role": "treasury", "public_key_pem": "x", "note": "x"},
        stranger=HTTPStatus.FORBIDDEN,
    ),
    Door(method="POST", path="key-revocations", body={"key_id": "x", "note": "x"}, stranger=HTTPStatus.FORBIDDEN),
    Door(method="GET", path="mismatches", stranger=HTTPStatus.FORBIDDEN),
    Door(method="GET", path="mismatches/{job}", stranger=HTTPStatus.FORBIDDEN),
    Door(
        method="POST",
        path="mismatches/{job}/decision",
        body={"pay_ms": 1, "reason": "x"},
        stranger=HTTPStatus.FORBIDDEN,
    ),
    Door(method="POST", path="fees", body={"platform_ppm": 0, "peers_ppm": 0}, stranger=HTTPStatus.FORBIDDEN),
]
#: Addresses that show or change what is the caller's own: a stranger's lists are empty, nobody's are refused.
OWN = [
    Door(method="GET", path="account"),
    Door(method="GET", path="account/roles"),
    Door(method="POST", path="account/roles", body={"role": "peer"}),
    Door(method="GET", path="account/balance"),
    Door(method="GET", path="account/statement"),
    Door(method="GET", path="account/statement.csv"),
    Door(method="POST", path="account/deposits", body={"amount_micro": 1}),
    Door(method="POST", path="account/own-key", body={"public_key_pem": "x", "proof": "x", "password": "x"}),
    Door(method="GET", path="account/deposit-notices"),
    Door(method="POST", path="account/deposit-notices", body={"amount_micro": 1}),
    Door(method="POST", path="account/withdrawals", body={}),
    Door(method="POST", path="account/transfers", body={"to": "dora", "amount_micro": 1}),
    Door(method="GET", path="account/requests"),
    Door(method="POST", path="account/requests", body={"kind": "top_up", "amount_micro": 1, "note": "x"}),
    Door(method="GET", path="fees"),
    Door(method="GET", path="tokens"),
    Door(method="POST", path="tokens", body={"name": "x"}),
    Door(method="GET", path="functions"),
    Door(method="POST", path="functions", body={"name": "x", "version": VERSION}),
    Door(method="GET", path="enrolment-codes"),
    Door(method="POST", path="enrolment-codes", body={"name": "x"}),
    Door(method="GET", path="providers"),
    Door(method="GET", path="peers"),
    Door(method="GET", path="join-codes"),
    Door(method="POST", path="join-codes", body={}),
    Door(method="GET", path="invocations"),
    Door(method="GET", path="ledger/blocks"),
    Door(method="GET", path="ledger/blocks/0"),
    Door(method="GET", path="ledger/transactions/x"),
]
#: Those places that nothing else can hold by chance.
UNIQUE = ("token", "provider", "invocation", "job", "developer", "request")
#: Open by intention: a code or a signature is the permission, and the description holds no data.
OPEN = ["enrolments", "joins", "ledger/operations", "openapi.json", "renewals"]


@pytest.fixture
def things(people: People, job: Job, provider: Provider, published: Function) -> dict[str, str]:
    """What belongs to others, by its place in an address."""
    grant = accounts.ask_role(people.other_provider, role=Role.PEER, now=NOW)
    token = accounts.make_token(people.developer, name="laptop", now=NOW).token
    LedgerJob.objects.create(
        id=job.id,
        invocation_id=job.invocation_id,
        developer_id=people.developer.id,
        provider_id=provider.id,
        version_id=job.invocation.version_id,
        state="created",
        price_nano_per_ms=1,
        max_ms=1,
        max_cost_micro=1,
        created_at=NOW,
        record={"developer_id": str(people.developer.id), "account_id": str(people.provider.id)},
    )
    OutboxOperation.objects.create(
        operation_id="account.deposit:1",
        kind="account.deposit",
        subject=str(people.developer.id),
        body="{}",
        created_at=NOW,
    )
    return {
        "token": str(token.id),
        "function": published.name,
        "provider": str(provider.id),
        "invocation": str(job.invocation_id),
        "job": job.id,
        "developer": str(people.developer.id),
        "grant": str(grant.id),
        "operation": "account.deposit:1",
        "request": str(asking.ask_top_up(people.developer, wish=wish(1), now=NOW).id),
    }


@pytest.mark.parametrize("door", OTHERS, ids=lambda door: f"{door.method} {door.path}")
def test_a_stranger_gets_nothing_of_others(door: Door, people: People, things: dict[str, str], api: Clients) -> None:
    answer = api.call(people.stranger, door.method, door.path.format(**things), door.body)

    assert answer.status_code == door.stranger
    told = answer.json()
    assert set(told) == {"request_id", "component", "reason", "retryable", "hint"}
    assert not any(things[name] in str(told) for name in UNIQUE)


@pytest.mark.parametrize("door", OTHERS, ids=lambda door: f"{door.method} {door.path}")
def test_what_a_stranger_tried_changed_nothing(
    door: Door, people: People, things: dict[str, str], api: Clients
) -> None:
    before = _everything()

    api.call(people.stranger, door.method, door.path.format(**things), door.body)

    assert _everything() == before


def _everything() -> list[Any]:
    mine = [list(Function.objects.order_by("pk").values()), list(Provider.objects.order_by("pk").values())]
    tokens = list(ApiToken.objects.exclude(account__username="mallory").order_by("pk").values("id", "revoked_at"))
    return [*mine, tokens, OutboxOperation.objects.count(), list(GovernedRequest.objects.values())]


@pytest.mark.parametrize("door", [*OTHERS, *OWN], ids=lambda door: f"{door.method} {door.path}")
@pytest.mark.usefixtures("people")
def test_nobody_gets_anything(door: Door, things: dict[str, str], api: Clients) -> None:
    answer = api.call(None, door.method, door.path.format(**things), door.body)

    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json()["reason"] == "unauthenticated"


@pytest.mark.parametrize(
    "path", ["functions", "providers", "invocations", "tokens", "enrolment-codes", "peers", "join-codes"]
)
def test_a_strangers_lists_hold_nothing_of_others(
    path: str, people: People, things: dict[str, str], api: Clients
) -> None:
    answer = api.call(people.stranger, "GET", path)

    assert answer.status_code == HTTPStatus.OK
    found = answer.json()["results"]
    assert not any(things[name] in str(found) for name in UNIQUE)


def test_those_concerned_do_get_in(people: People, things: dict[str, str], api: Clients) -> None:
    assert api.call(people.developer, "GET", f"invocations/{things['invocation']}").status_code == HTTPStatus.OK
    for person in (people.developer, people.provider, people.peer, people.administrator):
        assert api.call(person, "GET", f"ledger/jobs/{things['job']}").status_code == HTTPStatus.OK
    for person in (people.developer, people.peer, people.administrator):
        assert api.call(person, "GET", f"ledger/accounts/{things['developer']}").status_code == HTTPStatus.OK
    assert api.call(people.administrator, "GET", "role-requests").json()["results"][0]["username"] == "quinn"
    assert api.call(people.administrator, "GET", f"providers/{things['provider']}").status_code == HTTPStatus.OK


def test_a_provider_sees_neither_input_nor_log_of_what_it_ran(
    people: People, things: dict[str, str], api: Clients
) -> None:
    invocation = f"invocations/{things['invocation']}"

    assert api.call(people.provider, "GET", invocation).status_code == HTTPStatus.NOT_FOUND
    assert "log_tail" in api.call(people.developer, "GET", invocation).json()
    assert api.call(people.developer, "GET", invocation).json()["log_tail"] == "what the function wrote"
    assert api.call(people.administrator, "GET", invocation).json()["log_tail"] == ""
    assert "secret ticket" not in api.call(people.developer, "GET", invocation).content.decode()


def test_every_address_is_in_one_of_these_lists() -> None:
    api = next(item for item in get_resolver().url_patterns if str(item.pattern) == "api/v1/")
    routes = {str(route.pattern) for route in api.url_patterns} - {"^"}  # type: ignore[union-attr] # an include

    tested = {_shape(door.path) for door in [*OTHERS, *OWN]} | set(OPEN)
    assert {_shape(route) for route in routes} - tested == set()


def _shape(path: str) -> str:
    parts = re.sub(r"\(\?P<.*\)", "x", path).removeprefix("^").removesuffix("$").split("/")
    collections = {
        "tokens",
        "functions",
        "providers",
        "invocations",
        "role-requests",
        "versions",
        "requests",
    }
    collections |= {"mismatches", "jobs", "blocks", "transactions", "accounts", "operations"}
    return "/".join("*" if index and parts[index - 1] in collections else part for index, part in enumerate(parts))
