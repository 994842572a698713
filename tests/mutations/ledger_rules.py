"""Deliberate breaks of the ledger's rules, one each: what is replaced by what, and which tests have to notice."""

from dataclasses import dataclass

_TESTS = "tests/unit/chaincode"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutation:
    """One rule, broken."""

    #: The rule as a sentence.
    rule: str
    file: str
    old: str
    new: str
    #: The test module that has to fail.
    caught_by: str


def _of(rule: str, place: tuple[str, str], old: str, new: str) -> Mutation:
    file, test = place
    path = file if file.startswith(("wire/", "ledger/")) else f"chaincode/{file}"
    return Mutation(rule=rule, file=path, old=old, new=new, caught_by=f"{_TESTS}/{test}.py")


CREATION = ("contracts/monitoring/creation.py", "test_creation")
SETTLEMENT = ("contracts/monitoring/settlement.py", "test_completion")
ENDINGS = ("contracts/monitoring/endings.py", "test_endings")
EXPIRY = ("contracts/monitoring/endings.py", "test_completion")
COMPLETION = ("contracts/monitoring/completion.py", "test_completion")
EVIDENCE = ("contracts/monitoring/evidence.py", "test_claims")
KEYS_OF_RECEIPTS = ("contracts/monitoring/evidence.py", "test_keys")
CLAIMS = ("contracts/monitoring/claims.py", "test_claims")
PROPOSALS = ("contracts/governance/proposals.py", "test_governance")
PINNING = ("contracts/governance/pinning.py", "test_keys")
KEY_CHANGES = ("contracts/governance/key_changes.py", "test_keys")
OWNERSHIP = ("contracts/ownership.py", "test_keys")
DEPOSITS = ("contracts/monetary/deposits.py", "test_money_moves")
TREASURY = ("contracts/monetary/treasury.py", "test_money_moves")
MINTING = ("contracts/monetary/treasury.py", "test_money_in")
TRANSFERS = ("contracts/monetary/transfers.py", "test_money_moves")
ACCOUNTS = ("contracts/accounts.py", "test_completion")
CHECKS = ("contracts/checks.py", "test_money_in")
BATCH = ("contracts/execution/batch.py", "test_batch")
IDS = ("contracts/execution/ids.py", "test_batch")
OPERATORS = ("contracts/governance/operators.py", "peers/test_epochs")
EPOCHS = ("contracts/monetary/epochs.py", "peers/test_epochs")
SUBMISSION = ("contracts/submission.py", "test_embedded")
TIME = ("embedded/submission.py", "test_embedded")
BILLING = ("wire/money.py", "test_completion")
FEES = ("wire/ledger/fees.py", "test_completion")
LEDGER = ("embedded/ledger.py", "test_embedded")
REPLAY = ("ledger/verification.py", "test_verify")
BLOCKS = ("ledger/embedded/verification.py", "test_verify")

MUTATIONS: tuple[Mutation, ...] = (
    _of("only the controller creates jobs", CREATION, "ctx.require(KeyRole.CONTROLLER)", "pass"),
    _of(
        "a job is within its developer's ceiling",
        CREATION,
        "arguments.price_nano_per_ms > version.price_ceiling_nano_per_ms",
        "False",
    ),
    _of("a job runs no longer than its version", CREATION, "<= version.timeout_ms", "<= version.timeout_ms + 1"),
    _of(
        "a version's jobs are its developer's",
        CREATION,
        "version.developer_id != arguments.developer_id",
        "not version.developer_id",
    ),
    _of("the largest cost is the price of the longest run", CREATION, "arguments.max_cost_micro != largest", "False"),
    _of("the day's budget holds", CREATION, "spent > version.budget_micro_per_day", "False"),
    _of("a job is created once", CREATION, "raise Refused(Refusal.JOB_EXISTS)", "pass"),
    _of("the pay window is bounded", (CREATION[0], "test_endings"), "+ LONGEST_PAY_MS", "+ 2 * LONGEST_PAY_MS"),
    _of("a hold is covered by the deposit", (ACCOUNTS[0], "test_creation"), "owner.deposit < amount", "False"),
    _of("only the controller confirms", COMPLETION, "ctx.require(KeyRole.CONTROLLER)", "pass"),
    _of("a receipt is for this ticket", COMPLETION, " or receipt.ticket_digest != job.ticket_digest", ""),
    _of(
        "a receipt is by the pinned provider", (EVIDENCE[0], "test_completion"), "pinned.holder != provider_id", "False"
    ),
    _of("a receipt's time is clamped", SETTLEMENT, "min(receipt.run_ms, job.max_ms)", "receipt.run_ms"),
    _of("the least of all times is billed", BILLING, "max(1, min(value", "max(1, max(value"),
    _of("at least a millisecond is billed", BILLING, "max(1, min(value", "(min(value"),
    _of("digests have to agree", SETTLEMENT, "job.receipt_digest != job.confirm_digest", "False"),
    _of("a provider's fault is not paid", SETTLEMENT, "if job.exit_state in PROVIDER_FAULTS", "if False"),
    _of(
        "a receipt of a fault releases at once", COMPLETION, "elif receipt.exit_state in PROVIDER_FAULTS", "elif False"
    ),
    _of(
        "as many jobs settle as the invocation names",
        (ENDINGS[0], "test_endings"),
        "if not settlement.may_settle(ctx, job):",
        "if False:",
    ),
    _of(
        "an earlier attempt is superseded first",
        SETTLEMENT,
        "invocation.open + invocation.settled > invocation.replicas",
        "False",
    ),
    _of("what was not used goes back", SETTLEMENT, "held=job.max_cost_micro, cost=cost", "held=cost, cost=cost"),
    _of("unused budget comes back", (SETTLEMENT[0], "test_creation"), "spent.amount - amount", "spent.amount"),
    _of(
        "the remainder of fees is the provider's",
        FEES,
        "cost_micro - platform - peers)",
        "cost_micro - platform - peers - 1)",
    ),
    _of("fees are rounded down", FEES, "platform_ppm // WHOLE_PPM", "platform_ppm // WHOLE_PPM + 1"),
    _of("nothing expires before its time", EXPIRY, "ctx.timestamp_ms <= job.pay_until_ms", "False"),
    _of(
        "nothing expires that has a receipt",
        EXPIRY,
        "JobRecordState.CREATED, JobRecordState.CONFIRMED)",
        "JobRecordState.CREATED, JobRecordState.CONFIRMED, JobRecordState.RECEIPTED)",
    ),
    _of(
        "a confirmed job is not superseded",
        EXPIRY,
        "JobRecordState.CREATED, JobRecordState.RECEIPTED)",
        "JobRecordState.CREATED, JobRecordState.RECEIPTED, JobRecordState.CONFIRMED)",
    ),
    _of("a decision pays at most the receipt", ENDINGS, "(0, job.claimed_ms or 0)", "(0, 10**9)"),
    _of("a mismatch is decided by both organisations", ENDINGS, "by=(KeyRole.AUTHORITY,)", "by=(KeyRole.CONTROLLER,)"),
    _of("a revoked key counts for nothing", KEYS_OF_RECEIPTS, "pinned.revoked_at_ms is not None", "False"),
    _of(
        "a replaced key counts for earlier jobs only",
        KEYS_OF_RECEIPTS,
        "pinned.retired_at_ms < job_created_at_ms",
        "False",
    ),
    _of("a ticket's key is vouched for by the root", EVIDENCE, "root.role is not KeyRole.TICKET_ROOT", "False"),
    _of("a working key ends", EVIDENCE, "said.issued_at_ms > key[1]", "False"),
    _of(
        "an acknowledgement is for this output",
        EVIDENCE,
        "said.ticket_digest, said.output_digest)",
        "said.ticket_digest, output_digest)",
    ),
    _of("only the ticket's provider claims", CLAIMS, "ctx.author.holder != ticket.provider_id", "False"),
    _of("a claim is not too late", CLAIMS, "ctx.timestamp_ms > ticket.pay_until_ms", "False"),
    _of("a claim is not too early", CLAIMS, "ctx.timestamp_ms < ticket.pull_by_ms + ticket.max_ms", "False"),
    _of("the controller has a day", CLAIMS, "ctx.timestamp_ms < due", "False"),
    _of("a fault is not claimed", CLAIMS, "if said.exit_state in PROVIDER_FAULTS", "if False"),
    _of("the developer pays no attempt too many", CLAIMS, "if not settlement.may_settle(ctx, job):", "if False:"),
    _of("only the controller refuses a claim", CLAIMS, "ctx.require(KeyRole.CONTROLLER)", "pass"),
    _of(
        "each organisation approves",
        PROPOSALS,
        "if not set(_genesis(ctx).organisations) <= set(approved.approved_by):",
        "if False:",
    ),
    _of("an organisation approves once", PROPOSALS, "if ctx.author.holder in proposal.approved_by:", "if False:"),
    _of("only authorities approve", PROPOSALS, "ctx.require(KeyRole.AUTHORITY)\n", "pass\n"),
    _of("what was approved is done", PROPOSALS, "proposal.digest != arguments.digest", "False"),
    _of("proposals end", PROPOSALS, "ctx.timestamp_ms > proposal.opened_at_ms + PROPOSAL_MS", "False"),
    _of("only the proposer proposes", PROPOSALS, "ctx.require(*governed.proposers)", "pass"),
    _of("a key has one holder", PINNING, "raise Refused(Refusal.KEY_TAKEN)", "pass"),
    _of("a role keeps a key", PINNING, "if not left:", "if False:"),
    _of(
        "only one's own key is renounced",
        KEY_CHANGES,
        "(pinned.role, pinned.holder) != (ctx.author.role, ctx.author.holder)",
        "False",
    ),
    _of("a key proves itself", KEY_CHANGES, "proved != arguments.account_id.encode()", "False"),
    _of(
        "an owner is out of custody",
        OWNERSHIP,
        "elif ctx.cache.get(Owner, state_keys.owner(account_id)):",
        "elif False:",
    ),
    _of("an owner moves its own money only", OWNERSHIP, "ctx.author.holder != account_id", "False"),
    _of("a notice has to end", DEPOSITS, "ctx.timestamp_ms < notice.due_at_ms", "False"),
    _of("a deposit comes back as far as it is there", DEPOSITS, "min(notice.amount, owner.deposit)", "notice.amount"),
    _of("only the owner transfers", TRANSFERS, "ownership.require_owner(ctx, arguments.account_id)", "pass"),
    _of(
        "money goes to somebody",
        TRANSFERS,
        "ctx.record(AccountRecord, state_keys.account(target), Refusal.UNKNOWN_ACCOUNT)",
        "pass",
    ),
    _of("a reference counts once", MINTING, "raise Refused(Refusal.REFERENCE_USED)", "pass"),
    _of("the supply is bounded", MINTING, "supply.minted + arguments.amount_micro > MAX_MICRO", "False"),
    _of("what is burned is counted", TREASURY, "burned=supply.burned + payout.amount", "burned=supply.burned"),
    _of(
        "operators need both organisations",
        OPERATORS,
        "by=(KeyRole.AUTHORITY,)",
        "by=(KeyRole.AUTHORITY, KeyRole.CONTROLLER)",
    ),
    _of("an account is one operator", OPERATORS, "raise Refused(Refusal.OPERATOR_EXISTS)", "pass"),
    _of("an operator's key is nobody else's", OPERATORS, "raise Refused(Refusal.KEY_TAKEN)", "pass"),
    _of("operators are bounded", OPERATORS, ">= MOST_OPERATORS:", "> 2 * MOST_OPERATORS:"),
    _of("only the controller checkpoints", EPOCHS, "ctx.require(KeyRole.CONTROLLER)", "pass"),
    _of("a checkpoint is of this epoch", EPOCHS, '"epoch", arguments.epoch, (now, now)', '"epoch", 0, (0, 0)'),
    _of("an epoch has one checkpoint", EPOCHS, "before.number >= arguments.epoch", "False"),
    _of("one epoch is open", EPOCHS, "if before.state is EpochState.OPEN:", "if False:"),
    _of("each epoch has a newer block", EPOCHS, "arguments.block_number <= before.block_number", "False"),
    _of("only operators attest", EPOCHS, "ctx.require(KeyRole.OPERATOR)", "pass"),
    _of("a peer has what it attests", EPOCHS, "epoch.block_number + 1, checks", "0, checks"),
    _of("attesting ends", EPOCHS, "if ctx.timestamp_ms >= _closes_at_ms(epoch):", "if False:"),
    _of("a late joiner waits", EPOCHS, "operator.registered_at_ms > epoch.checkpointed_at_ms", "False"),
    _of("the first word counts", EPOCHS, "raise Refused(Refusal.ATTESTED_ALREADY)", "pass"),
    _of("a wrong hash counts for nothing", EPOCHS, "agrees=arguments.block_hash == epoch.block_hash", "agrees=True"),
    _of("an epoch is closed when it is over", EPOCHS, "if ctx.timestamp_ms < _closes_at_ms(epoch):", "if False:"),
    _of("an epoch is closed once", EPOCHS, "if epoch.state is not EpochState.OPEN:", "if False:"),
    _of("only those that agreed are paid", EPOCHS, "in said if attestation.agrees]", "in said]"),
    _of("a revoked key shares in nothing", EPOCHS, "strict=True) if key.revoked_at_ms is None]", "strict=True)]"),
    _of("a contradicted pool stays", EPOCHS, "if epoch.differed and epoch.differed >= epoch.agreed:", "if False:"),
    _of(
        "a share leaves the pool", EPOCHS, "available=pool.available - share * len(agreed)", "available=pool.available"
    ),
    _of("shares are equal", EPOCHS, "pool.available // len(agreed) if", "pool.available if"),
    _of(
        "credits that wait are shared",
        EPOCHS,
        "accounts.fold(ctx, state_keys.PEERS_ACCOUNT)",
        "accounts.account(ctx, state_keys.PEERS_ACCOUNT)",
    ),
    _of("amounts are positive", CHECKS, "within(name, value, (1, MAX_MICRO))", "within(name, value, (-1, MAX_MICRO))"),
    _of(
        "a refused operation leaves nothing",
        (BATCH[0], "test_creation"),
        "cache.undo()\n        return _refusal(item.operation_id, item.kind, refused)",
        "cache.keep()\n        return _refusal(item.operation_id, item.kind, refused)",
    ),
    _of("an operation is applied once", BATCH, "return OperationStatus.REPEATED", "pass"),
    _of("an id has one content", BATCH, "raise Refused(Refusal.CONFLICT)", "pass"),
    _of(
        "an author's signature is verified",
        BATCH,
        "public_key(author.public_key_pem).verify(item.jws, OPERATION)",
        "pass",
    ),
    _of(
        "a replaced key signs nothing", (BATCH[0], "test_keys"), "author is None or not author.active", "author is None"
    ),
    _of("an operation's id is its author's", BATCH, "require_own_id(item, author)", "pass"),
    _of(
        "an id names its author as a whole",
        IDS,
        'startswith(f"{author.holder}:")',
        "startswith(author.holder)",
    ),
    _of("a transaction is of this minute", TIME, "> TIME_WINDOW_MS", "> 100 * TIME_WINDOW_MS"),
    _of("a submitter is known", SUBMISSION, "if not pinned.active:", "if False:"),
    _of("a transaction's id has one content", LEDGER, "payload_of(known.envelope) != payload_of(envelope)", "False"),
    _of("blocks are chained", BLOCKS, "block.previous_hash != self._previous_hash", "False"),
    _of("a block's hash is its content's", BLOCKS, "block.hash != chain.block_hash(block)", "False"),
    _of("a block is signed", BLOCKS, "self._key.verify(block.signature, BLOCK) != block.hash.encode()", "False"),
    _of(
        "a replay gives the same outcome",
        REPLAY,
        "(outcome.results, outcome.writes, outcome.events) != (record.results, record.writes, record.events)",
        "False",
    ),
    _of(
        "the world state follows from the blocks",
        REPLAY,
        "if values.get(_STORED) != values.get(_REPLAYED):",
        "if False:",
    ),
)
