"""Every operation that the ledger knows: its kind and its arguments.

An `Operation` is authorised by its author: the key that signed it as a JWS, else the key that submitted the
transaction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from wire.codec import canonical_json, to_plain


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One operation as it is signed and sent."""

    #: The same id twice changes nothing; the same id with other content is a conflict.
    operation_id: str
    kind: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arguments:
    """What the arguments of every operation have in common: the kind they belong to."""

    kind: ClassVar[str]


def operation_text(operation_id: str, arguments: Arguments) -> str:
    """Return an operation as canonical JSON: what is signed, stored in the outbox and sent."""
    plain = {"operation_id": operation_id, "kind": arguments.kind, "arguments": to_plain(arguments)}
    return canonical_json(plain).decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisterProvider(Arguments):
    """The controller pins a provider's signing key and the account that is paid."""

    kind: ClassVar[str] = "provider.register"
    provider_id: str
    account_id: str
    public_key_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishVersion(Arguments):
    """A developer (by custody, until it has a key of its own) publishes what jobs of a version may cost."""

    kind: ClassVar[str] = "version.publish"
    version_id: str
    developer_id: str
    #: `registry/name@sha256:…`
    image: str
    price_ceiling_nano_per_ms: int
    timeout_ms: int
    memory_mb: int
    cpu_millis: int
    budget_micro_per_day: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CreateJob(Arguments):
    """The controller records a job; its `max_cost_micro` moves from the developer's deposit to held."""

    kind: ClassVar[str] = "job.create"
    job_id: str
    invocation_id: str
    #: How many jobs of the invocation may settle.
    replicas: int
    developer_id: str
    provider_id: str
    version_id: str
    price_nano_per_ms: int
    max_ms: int
    max_cost_micro: int
    ticket_digest: str
    pay_until_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmitReceipt(Arguments):
    """Anyone hands in a provider's receipt."""

    kind: ClassVar[str] = "job.receipt"
    job_id: str
    #: JWS of a `wire.messages.Receipt`.
    receipt: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmResult(Arguments):
    """The controller states that the result arrived, and how long it saw the job take."""

    kind: ClassVar[str] = "job.confirm"
    job_id: str
    output_digest: str
    observed_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SupersedeJob(Arguments):
    """The controller gives up on an attempt, before its successor may settle; what was held is released."""

    kind: ClassVar[str] = "job.supersede"
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpireJob(Arguments):
    """The controller releases a job after `pay_until` that has no receipt."""

    kind: ClassVar[str] = "job.expire"
    job_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Mint(Arguments):
    """The treasury creates money against an external reference; the reference makes a repeat harmless."""

    kind: ClassVar[str] = "account.mint"
    account_id: str
    amount_micro: int
    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Deposit(Arguments):
    """An owner (by custody) moves money from available to deposit, which only jobs spend."""

    kind: ClassVar[str] = "account.deposit"
    account_id: str
    amount_micro: int
