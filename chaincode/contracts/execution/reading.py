"""From the text that was sent to an operation with checked arguments; nothing is verified here."""

import json
from dataclasses import dataclass

from chaincode.contracts import checks
from chaincode.contracts.errors import Refused
from chaincode.contracts.execution.registered import TRANSACTIONS
from wire.codec import from_plain, parse_object
from wire.errors import BadSignature, Malformed
from wire.ledger.operations import MAX_OPERATION_CHARS, Arguments
from wire.ledger.refusals import Refusal
from wire.signing import Jws, sha256_hex


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """One operation as it was sent."""

    #: The operation's JSON, or the JWS of it.
    text: str
    operation_id: str
    kind: str
    #: What the operation's id says after the kind: a job's id, as a rule.
    subject: str
    arguments: Arguments
    #: Of the bytes that hold the operation, without signature: the same operation has the same digest.
    digest: str
    #: When somebody else than the transaction's submitter signed it.
    jws: Jws | None
    #: Of the key that is said to have signed it; empty when the submitter is the author.
    key_id: str


def read(text: str) -> Submitted | Refused:
    """Return the operation in a text, or why there is none."""
    try:
        return _read(text)
    except Refused as refused:
        return refused
    except (BadSignature, Malformed) as error:
        return Refused(Refusal.MALFORMED, checks.because(error))
    except UnicodeError:
        return Refused(Refusal.MALFORMED, "operation: expected text that UTF-8 can hold")


def _read(text: str) -> Submitted:
    if len(text) > MAX_OPERATION_CHARS:
        raise Refused(Refusal.MALFORMED, f"operation: expected at most {MAX_OPERATION_CHARS} characters")
    jws = None if text.startswith("{") else Jws.read(text)
    key_id = checks.key_id("kid", jws.key_id) if jws else ""
    payload = jws.payload if jws else text.encode()
    plain = parse_object(payload)
    if b"\\u" in payload:
        # An escaped half of a surrogate pair is JSON, but no ledger can store it.
        json.dumps(plain, ensure_ascii=False).encode()
    kind, operation_id, arguments = plain.get("kind"), plain.get("operation_id"), plain.get("arguments")
    if not isinstance(kind, str) or kind not in TRANSACTIONS:
        raise Refused(Refusal.UNKNOWN_KIND)
    if not isinstance(operation_id, str) or not operation_id.startswith(f"{kind}:"):
        raise checks.refuse("operation_id", f"text that begins with {kind}:")
    checks.operation_id("operation_id", operation_id)
    if not isinstance(arguments, dict):
        raise Refused(Refusal.MALFORMED, "arguments: expected an object")
    return Submitted(
        text=text,
        operation_id=operation_id,
        kind=kind,
        subject=operation_id[len(kind) + 1 :],
        arguments=from_plain(TRANSACTIONS[kind].arguments, arguments),
        digest=sha256_hex(payload),
        jws=jws,
        key_id=key_id,
    )
