"""A controller's keys, and the tickets and orders that it signs: what an agent's tests are fed with."""

import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from wire import signing
from wire.envelope import dump
from wire.limits import Limits
from wire.messages import JobOrder, Ticket, WorkingKey
from wire.signing import SigningKey

PROVIDER_ID = str(uuid.UUID(int=1))
IMAGE = f"registry.example.org/word-count@sha256:{'a' * 64}"
_HOUR_MS = 3_600_000


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def a_ticket(**changes: Any) -> Ticket:
    """Return a ticket that any agent of these tests takes, but for what is changed."""
    limits = changes.pop("limits", Limits(timeout_ms=10_000))
    invocation = uuid.uuid4()
    now = now_ms()
    plain = Ticket(
        job_id=f"{invocation.hex}-1",
        invocation_id=str(invocation),
        provider_id=PROVIDER_ID,
        developer_id=str(uuid.uuid4()),
        version_id=str(uuid.uuid4()),
        image=IMAGE,
        mode="command",
        limits=limits,
        environment={},
        input=b"hello",
        input_type="text/plain",
        epoch=1,
        issued_at_ms=now,
        accept_by_ms=now + 5_000,
        pull_by_ms=now + 60_000,
        pay_until_ms=now + 24 * _HOUR_MS,
        price_nano_per_ms=10,
        max_ms=limits.timeout_ms,
        max_cost_micro=-(-limits.timeout_ms * 10 // 1000),
    )
    return replace(plain, **changes)


@dataclass(frozen=True)
class Controller:
    """Signs as a controller does."""

    root: SigningKey = field(default_factory=SigningKey.generate)
    working: SigningKey = field(default_factory=SigningKey.generate)

    def working_key(self, *, not_after_ms: int | None = None) -> str:
        """Return the root key's word for the working key."""
        said = WorkingKey(public_key_pem=self.working.public.pem, not_after_ms=not_after_ms or now_ms() + 24 * _HOUR_MS)
        return self.root.sign(dump(said), signing.WORKING_KEY)

    def order(self, ticket: Ticket) -> JobOrder:
        """Return a signed order."""
        return JobOrder(ticket=self.working.sign(dump(ticket), signing.TICKET), working_key=self.working_key())
