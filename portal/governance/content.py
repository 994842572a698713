"""What a request is about, to the letter: the operation that it leads to, and the digest that approvals are for."""

from portal.governance.models import GovernedRequest, RequestKind
from wire.codec import canonical_json
from wire.ledger.operations import (
    Arguments,
    BurnPayout,
    DecideJob,
    Mint,
    PinKey,
    RefusePayout,
    RegisterOperator,
    RevokeKey,
    SetFees,
    operation_id_of,
    operation_text,
)
from wire.signing import sha256_hex

#: Every column that says what is approved. The ledger's operation alone does not: a burn names no amount.
CONTENT = (
    "kind",
    "account_id",
    "amount_micro",
    "note",
    "payout_id",
    "reference",
    "fee_version",
    "platform_ppm",
    "peers_ppm",
    "role",
    "holder",
    "key_id",
    "public_key_pem",
    "job_id",
    "pay_ms",
)
#: The operation of each kind of request.
OPERATIONS: dict[str, type[Arguments]] = {
    RequestKind.TOP_UP: Mint,
    RequestKind.PAYOUT: BurnPayout,
    RequestKind.FEES: SetFees,
    RequestKind.PIN_KEY: PinKey,
    RequestKind.REVOKE_KEY: RevokeKey,
    RequestKind.DECISION: DecideJob,
    RequestKind.OPERATOR: RegisterOperator,
}


def digest(request: GovernedRequest) -> str:
    """Return the SHA-256 of what an administrator approves."""
    plain = {name: _plain(getattr(request, name)) for name in CONTENT}
    return sha256_hex(canonical_json({"id": str(request.id), **plain}))


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int) else str(value)


def operation_id(request: GovernedRequest) -> str:
    """Return the id of the operation that needs both organisations; the proposal on the ledger has the same."""
    return operation_id_of(OPERATIONS[request.kind], request.id)


def arguments(request: GovernedRequest) -> Arguments:
    """Return the operation that needs both organisations."""
    match request.kind:
        case RequestKind.TOP_UP:
            account_id = str(request.account_id)
            return Mint(account_id=account_id, amount_micro=request.amount_micro, reference=request.reference)
        case RequestKind.PAYOUT:
            return BurnPayout(payout_id=request.payout_id or "", reference=request.reference)
        case RequestKind.PIN_KEY | RequestKind.OPERATOR:
            return _pinned(request)
        case RequestKind.REVOKE_KEY:
            return RevokeKey(key_id=request.key_id)
        case RequestKind.DECISION:
            return DecideJob(job_id=request.job_id, pay_ms=request.pay_ms or 0, reason=request.note)
        case _:
            platform, peers = request.platform_ppm or 0, request.peers_ppm or 0
            return SetFees(version=request.fee_version or 0, platform_ppm=platform, peers_ppm=peers)


def _pinned(request: GovernedRequest) -> Arguments:
    key = request.public_key_pem
    if request.kind == RequestKind.OPERATOR:
        return RegisterOperator(operator_id=str(request.account_id), public_key_pem=key)
    return PinKey(role=request.role, holder=request.holder, public_key_pem=key)


def text(request: GovernedRequest) -> str:
    """Return the operation as it is signed."""
    return operation_text(operation_id(request), arguments(request))


def subject(request: GovernedRequest) -> str:
    """Return what the operation is about: a job, an account, a key, or the fees."""
    return str(request.job_id or request.account_id or request.key_id or "fees")


def refusal(request: GovernedRequest) -> RefusePayout:
    """Return the operation that gives a payout's money back."""
    return RefusePayout(payout_id=request.payout_id or "", reason=request.reason)
