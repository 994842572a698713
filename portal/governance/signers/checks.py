"""What a signer checks before it signs: the approvals, the row they were for, and what the ledger holds."""

from portal.books import records
from portal.governance.content import NewKey, NewOperator, PayoutContent, TopUp
from portal.governance.models import Approval, GovernedRequest
from portal.governance.parties import is_party
from wire.errors import Malformed
from wire.ledger.genesis import ORGANISATIONS
from wire.ledger.states import PayoutState, ProposalState
from wire.money import MAX_MICRO
from wire.signing import PublicKey, sha256_hex


class NotSigned(Exception):
    """A request is not as it has to be; it is signed by nobody."""


def check_approvals(request: GovernedRequest) -> None:
    """Go on only with the approvals of two people of both organisations for exactly this content.

    :raises NotSigned: saying what is wrong.
    """
    given = request.approvals.all()
    for approval in given:
        _check_person(approval, request)
        if approval.digest != request.digest:
            raise NotSigned("Its content is not what was approved.")
    # Nobody is of two organisations, so these are as many people.
    if sorted(approval.organisation for approval in given) != sorted(ORGANISATIONS):
        raise NotSigned("Not every organisation approved it.")


def _check_person(approval: Approval, request: GovernedRequest) -> None:
    person = approval.by
    if not person.is_active or not person.is_staff or person.organisation != approval.organisation:
        raise NotSigned("It was approved by somebody who may not.")
    if is_party(person, request):
        raise NotSigned("It was approved by somebody whom it is about.")


def check_content(request: GovernedRequest) -> None:
    """Go on only with amounts that make sense, what the ledger holds for a payout, and the key that was shown.

    :raises NotSigned: saying what is wrong.
    """
    content = request.content
    if isinstance(content, TopUp | PayoutContent) and not 0 < content.amount_micro <= MAX_MICRO:
        raise NotSigned("Its amount is none.")
    if isinstance(content, PayoutContent):
        _check_held(content)
    if isinstance(content, NewKey | NewOperator) and _key_id(content.public_key_pem) != content.key_id:
        raise NotSigned("The key is not the one whose id was approved.")


def _check_held(payout: PayoutContent) -> None:
    held = records.payout(payout.payout_id or "")
    if held is None or held.state is not PayoutState.ASKED:
        raise NotSigned("The ledger holds nothing for it.")
    if (held.amount, held.account_id) != (payout.amount_micro, payout.account_id):
        raise NotSigned("The ledger holds another amount, or for another account.")


def _key_id(pem: str) -> str:
    try:
        return PublicKey.from_pem(pem).key_id
    except Malformed:
        return ""


def is_proposed(request: GovernedRequest) -> bool:
    """Return whether the proposal is open on the ledger; False while it is on its way.

    :raises NotSigned: when the ledger has a proposal of this id with other content.
    """
    proposal = records.proposal(request.operation_id)
    if proposal is None or proposal.state is not ProposalState.OPEN:
        return False
    if proposal.digest != sha256_hex(request.operation_text.encode()):
        raise NotSigned("The proposal on the ledger has other content.")
    return True
