"""A gateway over stand-ins: Alice's functions, a scheduler that echoes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import httpx
import pytest

from portal.functions.models import Access, FunctionState
from portal.functions.queries import Endpoint
from portal.gateway.app import assemble
from portal.gateway.calls import Bounds
from portal.gateway.gateway import FunctionGateway, deliver_to
from portal.gateway.testing import InMemoryGatewayBroker, InMemoryRecords
from portal.gateway.waiting import WaitingCallers
from wire.limits import Limits

ALICE = UUID("00000000-0000-4000-8000-00000000a11c")
STRANGER = UUID("00000000-0000-4000-8000-0000000057a6")
#: For a test that waits until they are over.
impatient = pytest.mark.parametrize(
    "bounds", [Bounds(calls=3, body_seconds=0.05, placing_seconds=1, grace_seconds=0)], ids=["impatient"]
)


@dataclass(frozen=True, slots=True)
class Marketplace:
    """The gateway with what stands behind it."""

    gateway: FunctionGateway
    records: InMemoryRecords
    broker: InMemoryGatewayBroker
    waiting: WaitingCallers

    def has(self, name: str, **columns: object) -> Endpoint:
        """Let Alice have a function; return its endpoint."""
        endpoint = Endpoint(
            function_id=uuid4(),
            version_id=uuid4(),
            developer_id=ALICE,
            state=FunctionState.PUBLISHED,
            access=Access.PUBLIC,
            get_allowed=False,
            limits=Limits(input_bytes=1000, timeout_ms=100),
            rate_per_minute=60,
            output_type="text/plain",
        )
        endpoint = replace(endpoint, **columns)  # type: ignore[arg-type]
        self.records.endpoints["alice", name] = endpoint
        return endpoint


@pytest.fixture
def anyio_backend() -> str:
    """Run the tests on asyncio only: pika and uvicorn do."""
    return "asyncio"


@pytest.fixture
def bounds() -> Bounds:
    """Bounds that a slow machine keeps as well."""
    return Bounds(calls=3)


@pytest.fixture
async def marketplace(anyio_backend: str, bounds: Bounds) -> Marketplace:  # noqa: ARG001 - starts the loop
    """A running gateway whose database and broker are in memory."""
    records = InMemoryRecords(accounts={"alices-token": ALICE, "strangers-token": STRANGER})
    waiting = WaitingCallers(bounds.calls)
    broker = InMemoryGatewayBroker(deliver_to(waiting))
    gateway = assemble(records, broker=broker, waiting=waiting, bounds=bounds)
    await gateway.start()
    return Marketplace(gateway, records, broker, waiting)


@pytest.fixture
async def client(marketplace: Marketplace) -> AsyncIterator[httpx.AsyncClient]:
    """An end user."""
    transport = httpx.ASGITransport(marketplace.gateway)
    async with httpx.AsyncClient(transport=transport, base_url="https://functions.test") as opened:
        yield opened
