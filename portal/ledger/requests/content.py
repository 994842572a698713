"""What a request is about, to the letter: the operation that it leads to, and the digest that approvals are for."""

from chaincode.contracts.operations import Arguments, BurnPayout, Mint, RefusePayout, SetFees, operation_text
from portal.ledger.models import GovernedRequest, RequestKind
from portal.ledger.operations import operation_id_of
from wire.codec import canonical_json
from wire.signing import sha256_hex

#: Every column that says what is approved. The ledger's operation alone does not: a burn names no amount.
CONTENT = (
    "kind",
    "account_id",
    "amount_micro",
    "note",
    "reference",
    "fee_version",
    "platform_ppm",
    "peers_ppm",
)
_KINDS: dict[str, type[Arguments]] = {
    RequestKind.TOP_UP: Mint,
    RequestKind.PAYOUT: BurnPayout,
    RequestKind.FEES: SetFees,
}


def digest(request: GovernedRequest) -> str:
    """Return the SHA-256 of what an administrator approves."""
    plain = {name: _plain(getattr(request, name)) for name in CONTENT}
    return sha256_hex(canonical_json({"id": str(request.id), **plain}))


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, int) else str(value)


def operation_id(request: GovernedRequest) -> str:
    """Return the id of the operation that needs both organisations; the proposal on the ledger has the same."""
    return operation_id_of(_KINDS[request.kind], request.id)


def arguments(request: GovernedRequest) -> Arguments:
    """Return the operation that needs both organisations."""
    if request.kind == RequestKind.TOP_UP:
        return Mint(account_id=str(request.account_id), amount_micro=request.amount_micro, reference=request.reference)
    if request.kind == RequestKind.PAYOUT:
        return BurnPayout(payout_id=str(request.id), reference=request.reference)
    return SetFees(
        version=request.fee_version or 0, platform_ppm=request.platform_ppm or 0, peers_ppm=request.peers_ppm or 0
    )


def text(request: GovernedRequest) -> str:
    """Return the operation as it is signed."""
    return operation_text(operation_id(request), arguments(request))


def refusal(request: GovernedRequest) -> RefusePayout:
    """Return the operation that gives a payout's money back."""
    return RefusePayout(payout_id=str(request.id), reason=request.reason)
