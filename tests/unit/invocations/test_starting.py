"""Starting an invocation: what is asked in which order, and what whoever is refused has cost."""

from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import pytest

from portal.functions.models import Access, FunctionState
from portal.functions.queries import Endpoint
from portal.invocations.errors import (
    CallerRefused,
    CallerUnknown,
    FunctionStopped,
    InputTooLarge,
    NotStarted,
    SchedulerUnreachable,
    TooManyCalls,
    TooManyWaiting,
)
from portal.invocations.rates import Rates
from portal.invocations.starting import Input, Means, Wanted, start
from scheduler.errors import BrokerSilent, BrokerUnavailable, QueueFull, SchedulerError
from wire.limits import Limits
from wire.messages import InvocationRequest

pytestmark = pytest.mark.anyio

ALICE, STRANGER = uuid4(), uuid4()
ENDPOINT = Endpoint(
    function_id=uuid4(),
    version_id=uuid4(),
    developer_id=ALICE,
    state=FunctionState.PUBLISHED,
    access=Access.PUBLIC,
    get_allowed=False,
    limits=Limits(input_bytes=10),
    rate_per_minute=1,
    output_type="text/plain",
)


@dataclass(slots=True)
class World:
    """A queue, and an input that says whether it was asked for."""

    failure: SchedulerError | None = None
    body: bytes = b"in"
    #: In which order the input was read and requests were sent.
    done: list[str] = field(default_factory=list)
    sent: list[tuple[InvocationRequest, int]] = field(default_factory=list)
    replies_to: str = "replies.here"
    means: Means = field(init=False)

    def __post_init__(self) -> None:
        self.means = Means(requests=self, rates=Rates(), clock=lambda: 5_000, monotonic=lambda: 0.0, placing_seconds=30)

    async def send(self, request: InvocationRequest, *, expires_ms: int) -> None:
        """Take a request."""
        self.done.append("sent")
        if self.failure is not None:
            raise self.failure
        self.sent.append((request, expires_ms))

    async def read(self) -> Input:
        """Return the input."""
        self.done.append("read")
        return Input(body=self.body, media_type="text/plain")

    def wants(self, endpoint: Endpoint = ENDPOINT, caller_id: UUID | None = None) -> Wanted:
        """Return what a caller wants."""
        return Wanted(invocation_id=uuid4(), endpoint=endpoint, caller_id=caller_id, read_input=self.read)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_what_is_wanted_is_sent_with_its_deadline() -> None:
    world = World()
    wanted = world.wants(replace(ENDPOINT, access=Access.OWNER), ALICE)

    request = await start(wanted, means=world.means)

    assert world.sent == [(request, 30_000)]
    assert (request.invocation_id, request.version_id) == (str(wanted.invocation_id), str(ENDPOINT.version_id))
    assert (request.caller_id, request.input, request.input_type) == (str(ALICE), b"in", "text/plain")
    assert (request.requested_at_ms, request.deadline_at_ms) == (5_000, 35_000)
    assert (request.replies_to, request.respond_async) == ("replies.here", False)


@pytest.mark.parametrize(
    ("columns", "caller_id", "error"),
    [
        ({"state": FunctionState.STOPPED, "access": Access.OWNER}, STRANGER, FunctionStopped),
        ({"access": Access.TOKEN, "rate_per_minute": 0}, None, CallerUnknown),
        ({"access": Access.OWNER, "rate_per_minute": 0}, None, CallerUnknown),
        ({"access": Access.OWNER, "rate_per_minute": 0}, STRANGER, CallerRefused),
        ({"access": Access.OWNER, "rate_per_minute": 0}, ALICE, TooManyCalls),
    ],
)
async def test_whoever_is_refused_has_cost_nothing(
    columns: dict[str, object], caller_id: UUID | None, error: type[NotStarted]
) -> None:
    world = World()
    endpoint = replace(ENDPOINT, **columns)  # type: ignore[arg-type] # a table of columns

    with pytest.raises(error):
        await start(world.wants(endpoint, caller_id), means=world.means)

    assert world.done == []


async def test_a_caller_who_is_not_let_in_uses_up_nobody_s_minute() -> None:
    world, endpoint = World(), replace(ENDPOINT, access=Access.OWNER)
    with pytest.raises(CallerRefused):
        await start(world.wants(endpoint, STRANGER), means=world.means)

    await start(world.wants(endpoint, ALICE), means=world.means)
    with pytest.raises(TooManyCalls) as refused:
        await start(world.wants(endpoint, ALICE), means=world.means)

    assert refused.value.retry_after == 60
    assert world.done == ["read", "sent"]


async def test_an_input_that_is_too_large_is_not_sent() -> None:
    world = World(body=b"x" * 11)

    with pytest.raises(InputTooLarge):
        await start(world.wants(), means=world.means)

    assert world.done == ["read"]


@pytest.mark.parametrize(
    ("failure", "error"), [(BrokerUnavailable("host:5672"), SchedulerUnreachable), (QueueFull(), TooManyWaiting)]
)
async def test_what_the_broker_did_not_take_may_be_tried_again(
    failure: SchedulerError, error: type[NotStarted]
) -> None:
    world = World(failure=failure)

    with pytest.raises(error) as refused:
        await start(world.wants(), means=world.means)

    assert refused.value.retry_after == 2
    assert "host" not in refused.value.detail


async def test_what_the_broker_may_have_taken_is_not_called_refused() -> None:
    world = World(failure=BrokerSilent())

    with pytest.raises(BrokerSilent):
        await start(world.wants(), means=world.means)
