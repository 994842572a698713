"""Every key of the ledger's world state, spelt by one function each.

`~` separates parts; it appears in no id. Values are canonical JSON.
"""

#: Accounts that belong to no participant.
PLATFORM_ACCOUNT = "platform"
PEERS_ACCOUNT = "peers"
BOND_ACCOUNT = "bond"
RESERVED_ACCOUNTS = frozenset({PLATFORM_ACCOUNT, PEERS_ACCOUNT, BOND_ACCOUNT})

DAY_MS = 24 * 60 * 60 * 1000


def genesis() -> str:
    """Return where the pinned keys and first policy lie."""
    return "genesis"


def job(job_id: str) -> str:
    """Return where a job's record lies."""
    return f"job~{job_id}"


def account(account_id: str) -> str:
    """Return where an account lies: `{"available": …, "deposit": …, "held": …}` in micro-credits."""
    return f"account~{account_id}"


def delta(account_id: str, transaction_id: str, position: int) -> str:
    """Return where one credit to an account's `available` waits to be folded: `{"amount": …}`."""
    return f"delta~{account_id}~{transaction_id}~{position:05d}"


def delta_prefix(account_id: str | None = None) -> str:
    """Return what the keys of all waiting credits begin with, or of those to one account."""
    return f"delta~{account_id}~" if account_id else "delta~"


def account_of(money: str) -> str:
    """Return whose money lies at the key of an account or of a credit."""
    return money.split("~")[1]


def version(version_id: str) -> str:
    """Return where a published function version lies."""
    return f"version~{version_id}"


def provider(provider_id: str) -> str:
    """Return where a provider's pinned key and account lie."""
    return f"provider~{provider_id}"


def invocation(invocation_id: str) -> str:
    """Return where the count of an invocation's settled jobs lies."""
    return f"invocation~{invocation_id}"


def operations(subject: str) -> str:
    """Return where the digests of the operations lie that were applied with this end of their ids, after the kind."""
    return f"operation~{subject}"


def key(key_id: str) -> str:
    """Return where a pinned public key lies, by its thumbprint."""
    return f"key~{key_id}"


def role(name: str, holder: str) -> str:
    """Return where the ids of a role's keys lie."""
    return f"role~{name}~{holder}"


def fee_policy() -> str:
    """Return where the current fee policy lies."""
    return "fees"


def supply() -> str:
    """Return where the sums of all minted and all burned money lie."""
    return "supply"


def reference(external: str) -> str:
    """Return where a treasury's external reference lies once it was used."""
    return f"reference~{external}"


def spent(version_id: str, placed_at_ms: int) -> str:
    """Return where it is counted what a version's jobs of one UTC day may cost."""
    return f"spent~{version_id}~{placed_at_ms // DAY_MS}"


def owner(account_id: str) -> str:
    """Return where it is noted that an account is its owner's own to move."""
    return f"owner~{account_id}"


def notice(account_id: str) -> str:
    """Return where an account's notice to take back a deposit lies."""
    return f"notice~{account_id}"


def payout(payout_id: str) -> str:
    """Return where a payout lies."""
    return f"payout~{payout_id}"


def proposal(proposal_id: str) -> str:
    """Return where a proposal lies: the id is that of the operation that waits."""
    return f"proposal~{proposal_id}"


def operator(operator_id: str) -> str:
    """Return where a peer operator's pinned key lies, by the account that is paid."""
    return f"{operator_prefix()}{operator_id}"


def operator_prefix() -> str:
    """Return what the keys of all operators begin with."""
    return "operator~"


def epoch() -> str:
    """Return where the newest epoch lies."""
    return "epoch"


def attestation(number: int, operator_id: str) -> str:
    """Return where an operator's attestation of an epoch lies until the epoch is closed."""
    return f"{attestation_prefix(number)}{operator_id}"


def attestation_prefix(number: int) -> str:
    """Return what the keys of all attestations of an epoch begin with."""
    return f"attestation~{number}~"
