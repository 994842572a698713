"""The main job through the API: from an image link to a function that callers get, and from a PC to a provider."""

from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509

from portal import composition
from portal.accounts.models import Role
from portal.accounts.throttle import Attempt
from portal.books.models import Balance
from portal.functions.addresses import RegistryList
from portal.functions.testing import FakeRegistry
from portal.invocations.models import Job
from portal.outbox.models import OutboxOperation
from portal.providers.testing import InMemoryBrokerAdmin
from tests.integration.portal_api.conftest import Clients
from tests.support.machines import Machine
from tests.support.people import DIGEST, IMAGE_LINK, OTHER_DIGEST, OTHER_LINK, People, bounded
from wire import names
from wire.signing import PublicKey

VERSION = {
    "image_link": IMAGE_LINK,
    "price_ceiling_nano_per_ms": 100,
    "budget_micro_per_day": 1_000_000,
    "limits": {"memory_mb": 64},
    "environment": {"GREETING": " hello "},
    "access": "public",
    "get_allowed": True,
}


@pytest.mark.usefixtures("image_registry", "controller_keys")
def test_a_function_goes_from_a_link_to_its_callers_and_back(people: People, api: Clients) -> None:
    def call(method: str, path: str, body: Any = None) -> Any:
        answer = api.call(people.developer, method, path, body)
        assert answer.status_code < 300, answer.content
        return answer.json() if answer.content else None

    made = call("POST", "functions", {"name": "word-count", "description": "Counts.", "version": VERSION})
    assert (made["state"], made["live_version"]) == ("draft", None)
    assert made["address"] == "https://127.0.0.1:8444/f/dora/word-count"

    live = call("POST", "functions/word-count/publish", {"version": 1})["live_version"]
    assert live["image"].endswith(DIGEST)
    assert (live["memory_mb"], live["cpu_millis"], live["environment"]) == (64, 1000, {"GREETING": " hello "})

    assert call("POST", "functions/word-count/versions", VERSION | {"image_link": OTHER_LINK})["number"] == 2
    assert call("POST", "functions/word-count/publish", {"version": 2})["live_version"]["image"].endswith(OTHER_DIGEST)
    assert call("POST", "functions/word-count/roll-back", {"version": 1})["live_version"]["number"] == 1
    assert call("POST", "functions/word-count/stop")["state"] == "stopped"
    assert call("POST", "functions/word-count/start")["state"] == "published"
    assert [version["number"] for version in call("GET", "functions/word-count/versions")["results"]] == [2, 1]
    assert call("GET", "functions/word-count/versions/2")["image_link"] == OTHER_LINK
    call("DELETE", "functions/word-count")
    assert call("GET", "functions")["results"] == []
    assert OutboxOperation.objects.filter(kind="version.publish").count() == 2


@pytest.mark.usefixtures("image_registry")
def test_what_is_wrong_with_a_function_is_said_field_by_field(people: People, api: Clients) -> None:
    def fields(**changes: Any) -> Any:
        body = {"name": "word-count", "version": VERSION | changes}
        answer = api.call(people.developer, "POST", "functions", body)
        assert answer.status_code == HTTPStatus.BAD_REQUEST
        return answer.json()["fields"]

    assert "There is no such field." in str(fields(colour="red"))
    assert "image_link" in fields(image_link="registry.example/none:1")
    assert fields(image_link="python")["image_link"][0].startswith("The link does not begin with a registry")
    assert "environment" in fields(environment={"lower": "x"})
    assert set(fields(rate_per_minute=0, budget_micro_per_day=-1)) == {"rate_per_minute", "budget_micro_per_day"}


@pytest.mark.usefixtures("image_registry", "controller_keys")
def test_what_happened_meanwhile_is_a_conflict(people: People, api: Clients) -> None:
    body = {"name": "word-count", "version": VERSION}
    api.call(people.developer, "POST", "functions", body)

    again = api.call(people.developer, "POST", "functions", body)
    stop = api.call(people.developer, "POST", "functions/word-count/stop")

    for answer in (again, stop):
        assert answer.status_code == HTTPStatus.CONFLICT
        assert answer.json()["reason"] == "conflict"
    assert stop.json()["hint"] == "Only a published function can be stopped."


def test_registries_are_asked_a_bounded_number_of_times(
    people: People, image_registry: FakeRegistry, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert image_registry
    bounded(monkeypatch, Attempt.IMAGE_CHECK, 1)

    statuses = [
        api.call(people.developer, "POST", "functions", {"name": name, "version": VERSION}).status_code
        for name in ("first", "second")
    ]

    assert statuses == [HTTPStatus.CREATED, HTTPStatus.TOO_MANY_REQUESTS]


@pytest.mark.usefixtures("controller_keys")
def test_a_pc_becomes_a_provider(
    people: People, broker_users: InMemoryBrokerAdmin, api: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "registry_list", lambda: RegistryList.parse("http://localhost:5000"))
    code = api.call(people.provider, "POST", "enrolment-codes", {"name": "attic"}).json()
    assert code["command"] == f"chainfaas-agent enroll https://localhost:8443 {code['text']}"
    machine = Machine()
    body = {"code": code["text"], "statement": machine.statement(code["text"])}

    told, again = (api.call(None, "POST", "enrolments", body).json() for _ in range(2))

    assert told["provider_id"] == again["provider_id"]
    assert told["broker"]["password"] != again["broker"]["password"]
    [provider_id] = broker_users.granted()
    access = broker_users.access[provider_id]
    assert told == {
        "provider_id": str(provider_id),
        "name": "attic",
        "certificate_pem": told["certificate_pem"],
        "root_key_pem": composition.root_key_pem(),
        "broker": {
            "url": "amqp://127.0.0.1:5672",
            "vhost": "chainfaas",
            "user": names.broker_user(provider_id),
            "password": told["broker"]["password"],
        },
        "jobs_queue": names.jobs_queue(access.queue_secret),
        "control_queue": names.control_queue(access.queue_secret),
        "heartbeat_seconds": 15,
        "allowed_registries": ["localhost:5000"],
        "fabric": None,
    }
    PublicKey.from_pem(told["root_key_pem"])
    x509.load_pem_x509_certificate(told["certificate_pem"].encode())

    other = api.call(None, "POST", "enrolments", body | {"statement": Machine().statement(code["text"])})
    assert other.status_code == HTTPStatus.CONFLICT
    assert [item["name"] for item in api.call(people.provider, "GET", "providers").json()["results"]] == ["attic"]
    revoked = api.call(people.provider, "POST", f"providers/{provider_id}/revoke")
    assert revoked.json()["state"] == "revoked"
    assert not broker_users.granted()


@pytest.mark.usefixtures("controller_keys")
def test_an_enrolment_that_the_broker_missed_can_be_repeated(
    people: People, broker_users: InMemoryBrokerAdmin, api: Clients
) -> None:
    code = api.call(people.provider, "POST", "enrolment-codes", {"name": "attic"}).json()["text"]
    body = {"code": code, "statement": Machine().statement(code)}
    broker_users.is_away = True
    away = api.call(None, "POST", "enrolments", body)
    broker_users.is_away = False

    assert away.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert (away.json()["component"], away.json()["retryable"]) == ("broker", True)
    assert api.call(None, "POST", "enrolments", body).status_code == HTTPStatus.OK


def test_a_peer_waits_for_the_administrator(people: People, api: Clients) -> None:
    asked = api.call(people.developer, "POST", "account/roles", {"role": "peer"}).json()
    [waiting] = api.call(people.administrator, "GET", "role-requests").json()["results"]
    assert (asked["state"], waiting["username"]) == ("pending", "dora")

    path = f"role-requests/{waiting['id']}/decision"
    decided = api.call(people.administrator, "POST", path, {"approve": True})

    assert decided.json()["state"] == "active"
    assert api.call(people.administrator, "POST", path, {"approve": False}).status_code == HTTPStatus.CONFLICT
    assert people.developer.has_role(Role.PEER)
    states = {role["role"]: role["state"] for role in api.call(people.developer, "GET", "account").json()["roles"]}
    assert states == {"developer": "active", "peer": "active"}


def test_a_token_is_made_used_and_revoked(people: People, api: Clients) -> None:
    made = api.call(people.developer, "POST", "tokens", {"name": "laptop"}).json()
    listed = api.call(people.developer, "GET", "tokens").json()["results"]

    assert made["text"].startswith(made["token"]["prefix"])
    assert made["text"] not in str(listed)
    assert api.call(people.developer, "DELETE", f"tokens/{made['token']['id']}").status_code == HTTPStatus.NO_CONTENT
    assert api.call(people.developer, "DELETE", f"tokens/{made['token']['id']}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("controller_keys")
def test_money_is_proposed_by_an_administrator_and_deposited_by_its_owner(people: People, api: Clients) -> None:
    order = {"username": "dora", "amount_micro": 600_000_000, "reference": "invoice-1", "request_id": str(uuid4())}
    proposed = [api.call(people.administrator, "POST", "mints", order) for _ in range(2)]
    other = api.call(people.administrator, "POST", "mints", order | {"amount_micro": 1})

    assert [answer.status_code for answer in proposed] == [HTTPStatus.ACCEPTED] * 2
    assert {answer.json()["state"] for answer in proposed} == {"approved_once"}
    assert other.status_code == HTTPStatus.CONFLICT

    Balance.objects.create(account_id=str(people.developer.id), available_micro=1_000)
    deposit = {"amount_micro": 1_000, "deposit_id": str(uuid4())}
    made = [api.call(people.developer, "POST", "account/deposits", deposit).json() for _ in range(2)]

    assert made[0] == made[1]
    assert made[0]["operation_id"] == f"account.deposit:{deposit['deposit_id']}"
    found = api.call(people.developer, "GET", f"ledger/operations/{made[0]['operation_id']}").json()
    assert found["state"] == "pending"
    assert OutboxOperation.objects.count() == 1
    assert api.call(people.developer, "GET", "account/balance").json()["free_micro"] == 0
    assert api.call(people.developer, "GET", "account/statement").json() == []


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1, "1.5", True, None])
@pytest.mark.usefixtures("controller_keys")
def test_no_other_amount_is_deposited(amount: Any, people: People, api: Clients) -> None:
    answer = api.call(people.developer, "POST", "account/deposits", {"amount_micro": amount})

    assert answer.status_code == HTTPStatus.BAD_REQUEST
    assert not OutboxOperation.objects.exists()


def test_an_invocation_shows_its_jobs_and_their_five_times(people: People, job: Job, api: Clients) -> None:
    [listed] = api.call(people.developer, "GET", "invocations").json()["results"]
    shown = api.call(people.developer, "GET", f"invocations/{job.invocation_id}").json()

    assert (listed["developer"], listed["function"], listed["version"]) == ("dora", "word-count", 1)
    assert shown["jobs"][0]["times"] == {
        "request_to_agent_ms": 0,
        "agent_to_start_ms": None,
        "pull_and_run_ms": None,
        "end_to_stored_ms": None,
        "end_to_paid_ms": None,
    }
