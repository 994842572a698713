"""How long things take on the ledger."""

from wire.ledger.state_keys import DAY_MS

#: A job may be paid for this long after its creation.
LONGEST_PAY_MS = 7 * DAY_MS
#: A job is recorded this long after it was placed, at most: the ledger may have been out of reach.
EARLIEST_PLACED_MS = 2 * DAY_MS
#: The controller's clock may be ahead of the ledger's by this.
LATEST_PLACED_MS = 60_000
#: The controller has this long to confirm or refuse a claim.
CLAIM_MS = DAY_MS
#: From the notice to the withdrawal of a deposit: longer than the longest claim.
NOTICE_MS = LONGEST_PAY_MS + CLAIM_MS + DAY_MS
#: After that a proposal can only be rejected.
PROPOSAL_MS = 30 * DAY_MS
#: An epoch: operators are paid for each. Its number is the time divided by this.
EPOCH_MS = 60 * 60 * 1000
#: After its end operators may still attest for this long; then it is closed, and the next one has its checkpoint.
EPOCH_GRACE_MS = 10 * 60 * 1000
