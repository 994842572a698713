"""People who use the API, and somebody who must never get anything from it."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.test import Client

from portal import composition
from portal.accounts.models import Account
from portal.custody.announcing import announce_provider
from portal.functions import operations as functions
from portal.functions import queries
from portal.functions.models import Function
from portal.invocations.models import Invocation, Job
from portal.providers import operations as providers
from portal.providers.models import Provider
from portal.providers.statements import read_application
from portal.providers.testing import InMemoryBrokerAdmin
from tests.support.machines import Machine
from tests.support.people import NOW, People, signed_in


@pytest.fixture(autouse=True)
def _quickly(quick_passwords: None) -> None:
    """Hash passwords so."""


@dataclass(slots=True)
class Clients:
    """A client that sends a token, for each account."""

    made: dict[Account, Client] = field(default_factory=dict)

    def of(self, account: Account) -> Client:
        """Return the account's client."""
        if account not in self.made:
            self.made[account] = signed_in(account)
        return self.made[account]

    def call(self, account: Account | None, method: str, path: str, body: Any = None) -> Any:
        """Send one request as an account, or as nobody."""
        client = self.of(account) if account else Client(SERVER_NAME="localhost")
        send = getattr(client, method.lower())
        if method == "GET":
            return send(f"/api/v1/{path}")
        return send(f"/api/v1/{path}", body, content_type="application/json")


@pytest.fixture
def api() -> Clients:
    """Everybody's access to the API."""
    return Clients()


@pytest.fixture
def published(function: Function, controller_keys: object) -> Function:  # noqa: ARG001 - a fixture
    """The developer's function, which callers get."""
    return functions.publish(function, version=queries.version_of(function, 1))


@pytest.fixture
def provider(people: People, broker_users: InMemoryBrokerAdmin, controller_keys: object) -> Provider:  # noqa: ARG001 - a fixture
    """The provider's machine."""
    code = providers.create_code(people.provider, name="attic", now=NOW).text
    made = providers.enrol(
        read_application(code, Machine().statement(code)),
        authority=composition.certificate_authority(),
        broker=broker_users,
        announce=partial(announce_provider, now=NOW),
        now=NOW,
    )
    return made.provider


@pytest.fixture
def job(published: Function, provider: Provider) -> Job:
    """A job of a call of the function, accepted by the machine."""
    assert published.live_version is not None
    invocation = Invocation.objects.create(
        version=published.live_version,
        input_digest="0" * 64,
        input=b"payload of a stranger",
        replies_to="replies.x",
        requested_at=NOW,
        deadline_at=NOW,
    )
    return Job.objects.create(
        id=f"{invocation.id.hex}-1",
        invocation=invocation,
        attempt=1,
        provider=provider,
        term=1,
        ticket="secret ticket",
        ticket_digest="0" * 64,
        price_nano_per_ms=1,
        max_ms=1,
        max_cost_micro=1,
        placed_at=NOW,
        accept_by=NOW,
        pay_until=NOW,
        accepted_at=NOW,
        log_tail="what the function wrote",
    )
