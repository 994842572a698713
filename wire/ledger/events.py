"""Every event of the ledger, spelt once: what a change is about, what happened, and the form of its body.

What a record's new state says by itself is named by a function.
"""

from wire.ledger.states import EpochState, JobRecordState, PayoutState

ACCOUNT_DEPOSITED = "account.deposited.v1"
ACCOUNT_FOLDED = "account.folded.v1"
ACCOUNT_MINTED = "account.minted.v1"
ACCOUNT_OWNED = "account.owned.v1"
ACCOUNT_TRANSFERRED = "account.transferred.v1"
DEPOSIT_NOTICE = "deposit.notice.v1"
DEPOSIT_WITHDRAWN = "deposit.withdrawn.v1"
EPOCH_ATTESTED = "epoch.attested.v1"
EPOCH_CHECKPOINTED = "epoch.checkpointed.v1"
EPOCH_CONTRADICTED = "epoch.contradicted.v1"
EPOCH_PAID = "epoch.paid.v1"
FEES_SET = "fees.set.v1"
KEY_PINNED = "key.pinned.v1"
KEY_REVOKED = "key.revoked.v1"
OPERATOR_REGISTERED = "operator.registered.v1"
PROPOSAL_APPROVED = "proposal.approved.v1"
PROPOSAL_ENACTED = "proposal.enacted.v1"
PROPOSAL_OPENED = "proposal.opened.v1"
PROPOSAL_REJECTED = "proposal.rejected.v1"
PROVIDER_REGISTERED = "provider.registered.v1"
VERSION_PUBLISHED = "version.published.v1"

#: What the names of all events of jobs begin with.
OF_JOBS = "job."
#: The subject of `FEES_SET`.
FEES = "fees"


def job_is(state: JobRecordState) -> str:
    """Return the event of a job that reached a state."""
    return f"{OF_JOBS}{state}.v1"


def payout_is(state: PayoutState) -> str:
    """Return the event of a payout that reached a state."""
    return f"payout.{state}.v1"


def epoch_is(state: EpochState) -> str:
    """Return the event of an epoch that was closed."""
    return f"epoch.{state}.v1"
