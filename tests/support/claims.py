"""What a provider brings when it claims its pay: ticket, receipt, acknowledgement, and who vouches for the keys."""

from typing import Any

from tests.support.ledger import KEYS, MINUTE, NOON, OUTPUT, PRICE, receipt_jws
from wire import envelope
from wire.ledger.operations import ClaimJob
from wire.limits import Limits
from wire.messages import Acknowledgement, Ticket, WorkingKey
from wire.money import cost_of
from wire.signing import ACKNOWLEDGEMENT, TICKET, WORKING_KEY, SigningKey, payload_of, sha256_hex

#: From then on a job that nobody confirmed may be claimed.
RUN_IS_OVER = NOON + 60_000 + 20_000


def ticket(job_id: str = "job6", key: SigningKey = KEYS.working, **changes: Any) -> str:
    """Return the controller's ticket for a job of Bob's on Alice's machine."""
    values: dict[str, Any] = {
        "job_id": job_id,
        "invocation_id": f"call-of-{job_id}",
        "provider_id": "alice-pc",
        "developer_id": "bob",
        "version_id": "bob-v1",
        "image": "registry.example/demo@sha256:" + "a" * 64,
        "mode": "command",
        "limits": Limits(),
        "environment": {},
        "input_sha256": sha256_hex(b""),
        "input_bytes": 0,
        "input_type": "text/plain",
        "term": 1,
        "issued_at_ms": NOON,
        "accept_by_ms": NOON + 5_000,
        "pull_by_ms": NOON + 60_000,
        "pay_until_ms": NOON + 60 * MINUTE,
        "price_nano_per_ms": PRICE,
        "max_ms": 20_000,
        **changes,
    }
    cost = cost_of(run_ms=values["max_ms"], price_nano_per_ms=values["price_nano_per_ms"])
    return key.sign(envelope.dump(Ticket(**{"max_cost_micro": cost, **values})), TICKET)


def digest_of(jws: str) -> str:
    """Return a ticket's digest."""
    return sha256_hex(payload_of(jws))


def working_key(root: SigningKey = KEYS.root, key: SigningKey = KEYS.working, not_after_ms: int = NOON + MINUTE) -> str:
    """Return the root key's word for a working key."""
    said = WorkingKey(public_key_pem=key.public.pem, not_after_ms=not_after_ms)
    return root.sign(envelope.dump(said), WORKING_KEY)


def acknowledgement(jws: str, job_id: str = "job6", key: SigningKey = KEYS.working, output: str = OUTPUT) -> str:
    """Return the controller's word that a result arrived."""
    said = Acknowledgement(job_id=job_id, ticket_digest=digest_of(jws), output_digest=output, received_at_ms=NOON)
    return key.sign(envelope.dump(said), ACKNOWLEDGEMENT)


def claim(jws: str, job_id: str = "job6", **changes: Any) -> ClaimJob:
    """Return Alice's claim for a ticket, without an acknowledgement."""
    values: dict[str, Any] = {
        "job_id": job_id,
        "ticket": jws,
        "receipt": receipt_jws(job_id, ticket_digest=digest_of(jws)),
        "working_keys": (working_key(),),
        **changes,
    }
    return ClaimJob(**values)
