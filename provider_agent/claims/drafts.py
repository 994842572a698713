"""From evidence to a claim that the ledger would take, or why there is none. Pure: the time arrives as an argument."""

from collections.abc import Mapping
from dataclasses import dataclass

from provider_agent.claims.evidence import Evidence
from wire import signing
from wire.codec import encode, from_plain, parse_object
from wire.envelope import parse_as
from wire.errors import BadSignature, WireError
from wire.ledger.operations import MAX_OPERATION_CHARS, ClaimJob, operation_id_of, operation_text
from wire.messages import Acknowledgement, Receipt, Ticket, WorkingKey
from wire.outcomes import PROVIDER_FAULTS
from wire.signing import PublicKey, SigningKey, key_id_of, payload_of, sha256_hex


class NothingToSend(Exception):
    """The job cannot be claimed, or not yet; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A claim that is ready to be signed."""

    operation_id: str
    text: bytes
    #: With the controller's acknowledgement a claim is paid at once; any other after a day.
    is_acknowledged: bool


def draft(evidence: Evidence, working_keys: Mapping[str, str], *, provider_id: str, now_ms: int) -> Draft:
    """Return the claim of a job.

    :raises NothingToSend: when the ledger would refuse it.
    """
    try:
        ticket = parse_as(Ticket, payload_of(evidence.ticket))
        receipt = parse_as(Receipt, payload_of(evidence.receipt))
    except WireError as error:
        raise NothingToSend(f"what is kept of it cannot be read: {error}") from error
    acknowledgement = _acknowledgement(evidence, receipt, working_keys)
    _require_due(ticket, receipt, acknowledged=acknowledgement is not None, now_ms=now_ms)
    signers = {key_id_of(jws) for jws in (evidence.ticket, acknowledgement) if jws is not None}
    statements = [working_keys[key_id] for key_id in sorted(signers) if key_id in working_keys]
    if len(statements) < len(signers):
        raise NothingToSend("the statement on the key that signed its ticket is not kept any more")
    arguments = ClaimJob(
        job_id=evidence.job_id,
        ticket=evidence.ticket,
        receipt=evidence.receipt,
        working_keys=tuple(statements),
        acknowledgement=acknowledgement,
    )
    # The same claim again is the same operation, another one is another.
    content = f"{sha256_hex(encode(arguments))[:16]}-{evidence.tries}"
    operation_id = operation_id_of(ClaimJob, provider_id, evidence.job_id, content)
    text = operation_text(operation_id, arguments).encode()
    return Draft(operation_id=operation_id, text=text, is_acknowledged=acknowledgement is not None)


def signed(claim: Draft, key: SigningKey) -> str:
    """Return a claim as it is sent.

    :raises NothingToSend: when it is larger than the ledger takes.
    """
    jws = key.sign(claim.text, signing.OPERATION)
    if len(jws) > MAX_OPERATION_CHARS:
        raise NothingToSend(f"its ticket is too large for a claim of at most {MAX_OPERATION_CHARS} characters")
    return jws


def _require_due(ticket: Ticket, receipt: Receipt, *, acknowledged: bool, now_ms: int) -> None:
    if receipt.exit_state in PROVIDER_FAULTS:
        raise NothingToSend(f"nothing is due: it ended as {receipt.exit_state.value}")
    if now_ms > ticket.pay_until_ms:
        raise NothingToSend("too late: its ticket can no longer be paid")
    waits_ms = ticket.pull_by_ms + ticket.max_ms - now_ms
    if not acknowledged and waits_ms > 0:
        raise NothingToSend(f"too early: the controller may still confirm it, for {-(-waits_ms // 1000)} s")


def _acknowledgement(evidence: Evidence, receipt: Receipt, working_keys: Mapping[str, str]) -> str | None:
    """Return the controller's acknowledgement if it is good: a bad one would spoil the claim."""
    jws = evidence.acknowledgement
    if jws is None:
        return None
    try:
        statement = from_plain(WorkingKey, parse_object(payload_of(working_keys.get(key_id_of(jws), ""))))
        said = parse_as(
            Acknowledgement, PublicKey.from_pem(statement.public_key_pem).verify(jws, signing.ACKNOWLEDGEMENT)
        )
    except (BadSignature, WireError):
        return None
    expected = (evidence.job_id, receipt.ticket_digest, receipt.output_digest)
    return jws if (said.job_id, said.ticket_digest, said.output_digest) == expected else None
