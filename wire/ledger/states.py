"""The states that records of the ledger pass through, and what keys are pinned for."""

from enum import StrEnum


class KeyRole(StrEnum):
    """What a key may be pinned for."""

    CONTROLLER = "controller"
    TICKET_ROOT = "ticket_root"
    CUSTODY = "custody"
    TREASURY = "treasury"
    #: Of an organisation.
    AUTHORITY = "authority"
    PROVIDER = "provider"
    #: Of an account that is not in custody.
    OWNER = "owner"
    #: Of a peer's operator, who is the account that is paid for it.
    OPERATOR = "operator"


class JobRecordState(StrEnum):
    """Where a job stands; docs/states.md says how each is reached."""

    CREATED = "created"
    RECEIPTED = "receipted"
    CONFIRMED = "confirmed"
    SETTLED = "settled"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    #: The provider demands its pay; the controller has a day to confirm or refuse.
    CLAIMED = "claimed"
    #: The controller refused the claim.
    REFUSED = "refused"
    #: Digests of receipt and confirmation differ: nothing moves.
    MISMATCH = "mismatch"


#: Jobs whose largest cost is still held.
HOLDING = frozenset(
    {
        JobRecordState.CREATED,
        JobRecordState.RECEIPTED,
        JobRecordState.CONFIRMED,
        JobRecordState.CLAIMED,
        JobRecordState.MISMATCH,
    }
)


class PayoutState(StrEnum):
    """Where a payout stands."""

    ASKED = "asked"
    BURNED = "burned"
    REFUSED = "refused"


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    ENACTED = "enacted"
    REJECTED = "rejected"


class EpochState(StrEnum):
    """Where an epoch stands."""

    #: Operators attest its block.
    OPEN = "open"
    #: The pool was shared.
    SHARED = "shared"
    #: Nobody attested, or there was nothing to share: the pool stays.
    UNSHARED = "unshared"
    #: As many operators contradict the checkpoint as agree with it, or more: the pool stays.
    DISPUTED = "disputed"
