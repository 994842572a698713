"""What a request is about, to the letter: a class for each kind, and the operation that it leads to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import TextChoices

from wire.codec import canonical_json, from_plain, parse_object, to_plain
from wire.ledger import operations as ledger


class RequestKind(TextChoices):
    """What needs two administrators of different organisations."""

    TOP_UP = "top_up", "Top-up"
    PAYOUT = "payout", "Payout"
    FEES = "fees", "Fee policy"
    PIN_KEY = "pin_key", "New key"
    REVOKE_KEY = "revoke_key", "End of a key"
    DECISION = "decision", "Decision on a job"
    OPERATOR = "operator", "Peer operator"


#: Whose money comes from outside or goes there: the treasury proposes them, all others an authority does.
OF_MONEY = (RequestKind.TOP_UP, RequestKind.PAYOUT)


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What the contents of all requests have in common."""

    kind: ClassVar[RequestKind]
    leads_to: ClassVar[type[ledger.Arguments]]
    #: Whose money or key it is; none for what belongs to an organisation or to all.
    account_id: str | None = None
    #: How it was paid, or where it is to be paid to; why, for keys and jobs.
    note: str = ""

    def operation(self) -> ledger.Arguments:
        """Return the operation that needs both organisations: of what the content says, what the ledger asks for."""
        return from_plain(self.leads_to, {**to_plain(self), "reason": self.note, "operator_id": self.account_id})

    @property
    def subject(self) -> str:
        """What the operation is about: a job, an account, a key, or the fees."""
        named = (getattr(self, name, None) for name in ("job_id", "account_id", "key_id"))
        return next((value for value in named if value), "fees")


@dataclass(frozen=True, kw_only=True, slots=True)
class TopUp(Content):
    """Money that was paid outside is to be credited."""

    kind = RequestKind.TOP_UP
    leads_to = ledger.Mint
    account_id: str
    amount_micro: int
    #: Of the payment outside; the first administrator to approve names it.
    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PayoutContent(Content):
    """Money that the ledger holds is to be paid outside."""

    kind = RequestKind.PAYOUT
    leads_to = ledger.BurnPayout
    account_id: str
    amount_micro: int
    #: On the ledger: of the portal's making, or its owner's choice; none once it was withdrawn unsigned.
    payout_id: str | None
    #: Of the payment outside; the first administrator to approve names it.
    reference: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fees(Content):
    """Another fee policy."""

    kind = RequestKind.FEES
    leads_to = ledger.SetFees
    version: int
    platform_ppm: int
    peers_ppm: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NewKey(Content):
    """A key is to be pinned, for a role and its holder."""

    kind = RequestKind.PIN_KEY
    leads_to = ledger.PinKey
    role: str
    holder: str
    key_id: str
    public_key_pem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyEnd(Content):
    """A key is to end."""

    kind = RequestKind.REVOKE_KEY
    leads_to = ledger.RevokeKey
    role: str
    holder: str
    key_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision(Content):
    """How a job ends whose digests differ; its note stands on the ledger, for everybody to read."""

    kind = RequestKind.DECISION
    leads_to = ledger.DecideJob
    job_id: str
    #: For so many milliseconds the provider is paid; 0 releases all.
    pay_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NewOperator(Content):
    """Somebody who runs peers is to share in the commission."""

    kind = RequestKind.OPERATOR
    leads_to = ledger.RegisterOperator
    account_id: str
    key_id: str
    public_key_pem: str


CONTENTS: Mapping[str, type[Content]] = {
    content.kind: content for content in (TopUp, PayoutContent, Fees, NewKey, KeyEnd, Decision, NewOperator)
}
#: What requests are searched by has a column of its own; the rest of the content is one text.
_COLUMNS = ("account_id", "amount_micro", "payout_id", "job_id", "reference")


def to_columns(content: Content) -> dict[str, Any]:
    """Return how a request stores its content."""
    rest = to_plain(content)
    own = {name: rest.pop(name) for name in _COLUMNS if name in rest}
    own["account_id"] = UUID(content.account_id) if content.account_id else None
    return {"kind": content.kind, **own, "content_json": canonical_json(rest).decode()}


def from_columns(row: Any) -> Content:
    """Return the content that a request has stored.

    :raises Malformed: when it was not stored by `to_columns`.
    """
    own = {name: getattr(row, name) for name in _COLUMNS}
    own["account_id"] = str(row.account_id) if row.account_id else None
    return from_plain(CONTENTS[row.kind], {**parse_object(row.content_json), **own})
