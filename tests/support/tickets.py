"""A controller's keys, and the tickets and orders that it signs: what an agent's tests are fed with."""

import time
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from provider_agent.ports import Work
from wire import signing
from wire.envelope import dump
from wire.limits import Limits
from wire.messages import JobOrder, Ticket, WorkingKey
from wire.signing import SigningKey

PROVIDER_ID = str(uuid.UUID(int=1))
#: The input of tickets that were made here, by its digest: a ticket holds no more than that.
_INPUTS: dict[str, bytes] = {}
IMAGE = f"registry.example.org/word-count@sha256:{'a' * 64}"
_HOUR_MS = 3_600_000


def now_ms() -> int:
    """Return milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def a_ticket(**changes: Any) -> Ticket:
    """Return a ticket that any agent of these tests takes, but for what is changed; `input` is the input itself."""
    given = changes.pop("input", b"hello")
    _INPUTS[signing.sha256_hex(given)] = given
    limits = changes.pop("limits", Limits(timeout_ms=60_000))
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
        input_sha256=signing.sha256_hex(given),
        input_bytes=len(given),
        input_type="text/plain",
        term=1,
        issued_at_ms=now,
        accept_by_ms=now + 60_000,
        pull_by_ms=now + 60_000,
        pay_until_ms=now + 24 * _HOUR_MS,
        price_nano_per_ms=10,
        max_ms=limits.timeout_ms,
        max_cost_micro=-(-limits.timeout_ms * 10 // 1000),
    )
    return replace(plain, **changes)


def input_of(ticket: Ticket) -> bytes:
    """Return the input that a ticket names."""
    return _INPUTS[ticket.input_sha256]


def work_of(ticket: Ticket) -> Work:
    """Return what a runner is given."""
    return Work(ticket=ticket, jws="", input=input_of(ticket))


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
        signed = self.working.sign(dump(ticket), signing.TICKET)
        return JobOrder(ticket=signed, working_key=self.working_key(), input=input_of(ticket))
