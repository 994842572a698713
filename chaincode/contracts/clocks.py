"""How long things take on the ledger."""

from chaincode.contracts.keys import DAY_MS

#: A job may be paid for this long after its creation.
LONGEST_PAY_MS = 7 * DAY_MS
#: The controller has this long to confirm or refuse a claim.
CLAIM_MS = DAY_MS
#: From the notice to the withdrawal of a deposit: longer than the longest claim.
NOTICE_MS = LONGEST_PAY_MS + CLAIM_MS + DAY_MS
#: After that a proposal can only be rejected.
PROPOSAL_MS = 30 * DAY_MS
