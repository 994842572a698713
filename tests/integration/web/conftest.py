"""Browsers of the marketplace's people, and a ledger that has settled one of their jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from ledger.testing import InMemoryLedger
from portal import composition
from portal.accounts.models import Account
from portal.books.follower import Follower
from portal.custody import publishing
from portal.custody.announcing import announce_provider
from portal.functions import queries
from portal.functions.models import Function
from portal.governance.settling import settle_requests
from portal.invocations.models import Invocation, Job, Result
from portal.keys import KeyName
from portal.outbox import leadership
from portal.outbox.models import OutboxOperation
from portal.outbox.recorder import Recorder
from portal.providers import operations as providers
from portal.providers.models import Provider
from portal.providers.statements import read_application
from portal.providers.testing import InMemoryBrokerAdmin
from tests.support.machines import Machine
from tests.support.outbox.market import ManualClock, Market, genesis, signing_keys
from tests.support.people import NOW, People

HOST = "localhost"


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser over HTTPS; it follows no redirect by itself."""

    client: Client

    def get(self, path: str) -> Any:
        """Open a page."""
        return self.client.get(path, secure=True)

    def post(self, path: str, **fields: Any) -> Any:
        """Send a form."""
        return self.client.post(path, fields, secure=True)

    def text(self, path: str) -> str:
        """Return a page that opens."""
        response = self.get(path)
        assert response.status_code == 200, (path, response.status_code)
        return str(response.content.decode())

    def messages(self, response: Any) -> list[str]:
        """Follow an action to its page and return what that says has happened."""
        assert response.status_code == 302
        return [str(message) for message in self.get(response.url).context["messages"]]


@pytest.fixture
def visitor() -> Browser:
    """Nobody in particular."""
    return Browser(Client(SERVER_NAME=HOST))


@pytest.fixture
def browser(db: None) -> Callable[[Account], Browser]:  # noqa: ARG001 - sessions are in the database
    """The browser in which an account is signed in."""

    def signed_in(account: Account) -> Browser:
        client = Client(SERVER_NAME=HOST)
        client.force_login(account)
        return Browser(client)

    return signed_in


@pytest.fixture
def dora(people: People, browser: Callable[[Account], Browser]) -> Browser:
    """The developer's browser."""
    return browser(people.developer)


@pytest.fixture
def paul(people: People, browser: Callable[[Account], Browser]) -> Browser:
    """The provider's browser."""
    return browser(people.provider)


@pytest.fixture
def published(function: Function, controller_keys: object) -> Function:  # noqa: ARG001 - a fixture
    """The developer's function, which callers get."""
    return publishing.publish(function, version=queries.version_of(function, 1), now=NOW)


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
def settled_job(people: People, published: Function, provider: Provider) -> Job:
    """A job of the function on the machine that the ledger has paid."""
    # The fixtures' announcements are signed with other keys than this ledger's.
    OutboxOperation.objects.all().delete()
    clock = ManualClock()
    market = Market(clock=clock, developer_id=people.developer.id, owner_id=people.provider.id, provider_id=provider.id)
    market.opens()
    (job_id,) = market.runs()
    _follow(clock)
    return _called(published, provider, job_id)


def _follow(clock: ManualClock) -> None:
    """Bring the outbox to a ledger in memory, and its blocks back."""
    keys = signing_keys()
    ledger = InMemoryLedger(genesis=genesis(), block_key=keys[KeyName.BLOCK], clock=clock.ms)
    term = leadership.take_over(leadership.RECORDER, now=clock())
    recorder = Recorder(ledger=ledger, key=keys[KeyName.RECORDER], term=term, clock=clock)
    follower = Follower(ledger=ledger, term=term, listeners=[settle_requests])
    while recorder.step() or follower.step():
        pass


def _called(function: Function, provider: Provider, job_id: str) -> Job:
    invocation_id = UUID(job_id.partition("-")[0])
    assert function.live_version is not None
    invocation = Invocation.objects.create(
        id=invocation_id,
        version=function.live_version,
        state="succeeded",
        input_digest="0" * 64,
        replies_to="replies.x",
        requested_at=NOW,
        deadline_at=NOW,
        ended_at=NOW,
    )
    Result.objects.create(
        invocation=invocation,
        job_id=job_id,
        output=b"<script>alert(1)</script>",
        output_digest="1" * 64,
        stored_at=NOW,
        expires_at=NOW,
    )
    return Job.objects.create(
        id=job_id,
        invocation=invocation,
        attempt=1,
        provider=provider,
        state="finished",
        term=1,
        ticket="secret ticket",
        ticket_digest="0" * 64,
        price_nano_per_ms=1,
        max_ms=1,
        max_cost_micro=1,
        exit_state="succeeded",
        placed_at=NOW,
        accept_by=NOW,
        pay_until=NOW,
        accepted_at=NOW,
        log_tail="what the function wrote <b>",
    )
