"""Why the contracts refuse an operation: each code with its sentence."""

from enum import StrEnum


class Refusal(StrEnum):
    """A code that programs can act on; people read its sentence."""

    MALFORMED = "malformed"
    UNKNOWN_KIND = "unknown_kind"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_KEY = "unknown_key"
    NOT_AUTHORISED = "not_authorised"
    CONFLICT = "conflict"
    KEY_TAKEN = "key_taken"
    PROVIDER_EXISTS = "provider_exists"
    UNKNOWN_PROVIDER = "unknown_provider"
    VERSION_EXISTS = "version_exists"
    UNKNOWN_VERSION = "unknown_version"
    JOB_EXISTS = "job_exists"
    UNKNOWN_JOB = "unknown_job"
    NOT_THE_DEVELOPER = "not_the_developer"
    OVER_CEILING = "over_ceiling"
    OVER_TIMEOUT = "over_timeout"
    WRONG_COST = "wrong_cost"
    OVER_BUDGET = "over_budget"
    DEPOSIT_TOO_LOW = "deposit_too_low"
    AVAILABLE_TOO_LOW = "available_too_low"
    WRONG_TICKET = "wrong_ticket"
    FOREIGN_RECEIPT = "foreign_receipt"
    WRONG_STATE = "wrong_state"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    WRONG_REPLICAS = "wrong_replicas"
    EARLIER_ATTEMPT_OPEN = "earlier_attempt_open"
    INVOCATION_SETTLED = "invocation_settled"
    REFERENCE_USED = "reference_used"
    SUPPLY_TOO_LARGE = "supply_too_large"
    UNKNOWN_ACCOUNT = "unknown_account"
    IN_CUSTODY_OF_OWNER = "in_custody_of_owner"
    NOTICE_GIVEN = "notice_given"
    NO_NOTICE = "no_notice"
    PAYOUT_EXISTS = "payout_exists"
    UNKNOWN_PAYOUT = "unknown_payout"
    UNKNOWN_PROPOSAL = "unknown_proposal"
    WRONG_PROPOSAL = "wrong_proposal"
    APPROVED_ALREADY = "approved_already"
    WRONG_FEES = "wrong_fees"
    LAST_KEY = "last_key"
    BOND_TOO_LOW = "bond_too_low"
    NOTHING_DUE = "nothing_due"
    OPERATOR_EXISTS = "operator_exists"
    UNKNOWN_OPERATOR = "unknown_operator"
    TOO_MANY_OPERATORS = "too_many_operators"
    EPOCH_EXISTS = "epoch_exists"
    EARLIER_EPOCH_OPEN = "earlier_epoch_open"
    UNKNOWN_EPOCH = "unknown_epoch"
    OLD_BLOCK = "old_block"
    ATTESTED_ALREADY = "attested_already"
    RAISED = "raised"


SENTENCES: dict[Refusal, str] = {
    Refusal.MALFORMED: "The operation or one of its arguments is not what it should be.",
    Refusal.UNKNOWN_KIND: "No contract registers an operation of this kind.",
    Refusal.BAD_SIGNATURE: "The signature is not by the key that it names, for this purpose, over these bytes.",
    Refusal.UNKNOWN_KEY: "The ledger knows no valid key with this id.",
    Refusal.NOT_AUTHORISED: "The author of the operation may not do this.",
    Refusal.CONFLICT: "An operation with this id and other content was applied before.",
    Refusal.KEY_TAKEN: "The key is pinned to somebody already.",
    Refusal.PROVIDER_EXISTS: "The provider is registered already.",
    Refusal.UNKNOWN_PROVIDER: "The provider is not registered.",
    Refusal.VERSION_EXISTS: "The version is published already, and versions never change.",
    Refusal.UNKNOWN_VERSION: "The version is not published.",
    Refusal.JOB_EXISTS: "The job is created already.",
    Refusal.UNKNOWN_JOB: "The job is not created; it may be on its way.",
    Refusal.NOT_THE_DEVELOPER: "The version was published by another developer.",
    Refusal.OVER_CEILING: "The price is above the ceiling that the developer published.",
    Refusal.OVER_TIMEOUT: "The job may run longer than its version allows.",
    Refusal.WRONG_COST: "The largest cost is not the price of the longest run.",
    Refusal.OVER_BUDGET: "The version's budget for this day would be exceeded.",
    Refusal.DEPOSIT_TOO_LOW: "The developer's deposit does not cover the largest cost.",
    Refusal.AVAILABLE_TOO_LOW: "The account has less available than the amount.",
    Refusal.WRONG_TICKET: "The receipt is for another ticket.",
    Refusal.FOREIGN_RECEIPT: "The receipt is not signed by the provider pinned in the job.",
    Refusal.WRONG_STATE: "The job's state does not allow this.",
    Refusal.TOO_EARLY: "The time for this has not come.",
    Refusal.TOO_LATE: "The time for this has passed.",
    Refusal.WRONG_REPLICAS: "An earlier job of the invocation names another number of replicas.",
    Refusal.EARLIER_ATTEMPT_OPEN: "Another attempt of the invocation is still open; it has to be superseded first.",
    Refusal.INVOCATION_SETTLED: "As many jobs of the invocation as may settle have settled.",
    Refusal.REFERENCE_USED: "The external reference was used before.",
    Refusal.SUPPLY_TOO_LARGE: "There would be more money than the ledger counts.",
    Refusal.UNKNOWN_ACCOUNT: "No such account was ever opened.",
    Refusal.IN_CUSTODY_OF_OWNER: "The account is its owner's own already.",
    Refusal.NOTICE_GIVEN: "A notice is running already.",
    Refusal.NO_NOTICE: "No notice was given.",
    Refusal.PAYOUT_EXISTS: "The payout was asked for already.",
    Refusal.UNKNOWN_PAYOUT: "The payout was not asked for.",
    Refusal.UNKNOWN_PROPOSAL: "Nothing was proposed under this id; it may be on its way.",
    Refusal.WRONG_PROPOSAL: "The proposal has other content than what is approved.",
    Refusal.APPROVED_ALREADY: "The organisation has approved already.",
    Refusal.WRONG_FEES: "The fee policy does not follow on the one before.",
    Refusal.LAST_KEY: "The role would have no key left.",
    Refusal.BOND_TOO_LOW: "The platform's bond does not cover the claim; it has to be topped up.",
    Refusal.NOTHING_DUE: "The receipt says that the provider was at fault: nothing is due.",
    Refusal.OPERATOR_EXISTS: "The account is a registered peer operator already.",
    Refusal.UNKNOWN_OPERATOR: "The account is no registered peer operator.",
    Refusal.TOO_MANY_OPERATORS: "The ledger has as many peer operators as it takes.",
    Refusal.EPOCH_EXISTS: "The epoch has its checkpoint already.",
    Refusal.EARLIER_EPOCH_OPEN: "The epoch before has to be closed first.",
    Refusal.UNKNOWN_EPOCH: "This is not the newest epoch that has a checkpoint.",
    Refusal.OLD_BLOCK: "The checkpoint's block is not newer than that of the epoch before.",
    Refusal.ATTESTED_ALREADY: "The operator has attested this epoch's block already: its first word counts.",
    Refusal.RAISED: "The contract failed on this operation; it is set aside for the administrator.",
}
#: The same operation may succeed later, once what it waits for is on the ledger.
RETRYABLE = frozenset(
    {Refusal.UNKNOWN_JOB, Refusal.EARLIER_ATTEMPT_OPEN, Refusal.UNKNOWN_PROPOSAL, Refusal.BOND_TOO_LOW}
)
