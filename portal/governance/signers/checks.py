"""What a signer checks before it signs: the approvals, the row they were for, and what the ledger holds."""

from portal.accounts.models import Account
from portal.books import records
from portal.governance import content
from portal.governance.models import OF_MONEY, GovernedRequest, RequestKind
from portal.governance.parties import is_party
from wire.errors import Malformed
from wire.ledger.genesis import ORGANISATIONS
from wire.ledger.states import PayoutState, ProposalState
from wire.money import MAX_MICRO
from wire.signing import PublicKey, sha256_hex

#: Requests that pin a key.
_WITH_KEY = (RequestKind.PIN_KEY, RequestKind.OPERATOR)


class NotSigned(Exception):
    """A request is not as it has to be; it is signed by nobody."""


def check_approvals(request: GovernedRequest) -> None:
    """Go on only with the approvals of two people of both organisations for exactly this content.

    :raises NotSigned: saying what is wrong.
    """
    approvals = (
        (request.first_approved_by, request.first_organisation, request.first_digest),
        (request.second_approved_by, request.second_organisation, request.second_digest),
    )
    for person, organisation, digest in approvals:
        _check_person(person, organisation, request)
        if digest != content.digest(request):
            raise NotSigned("Its content is not what was approved.")
    if request.first_approved_by_id == request.second_approved_by_id:
        raise NotSigned("The same person approved it twice.")
    if {organisation for _, organisation, _ in approvals} != set(ORGANISATIONS):
        raise NotSigned("Not every organisation approved it.")


def _check_person(person: Account | None, organisation: str, request: GovernedRequest) -> None:
    if person is None or not person.is_active or not person.is_staff or person.organisation != organisation:
        raise NotSigned("It was approved by somebody who may not.")
    if is_party(person, request):
        raise NotSigned("It was approved by somebody whom it is about.")


def check_content(request: GovernedRequest) -> None:
    """Go on only with amounts that make sense, what the ledger holds for a payout, and the key that was shown.

    :raises NotSigned: saying what is wrong.
    """
    if request.kind in OF_MONEY and not 0 < request.amount_micro <= MAX_MICRO:
        raise NotSigned("Its amount is none.")
    if request.kind == RequestKind.PAYOUT:
        _check_held(request)
    if request.kind in _WITH_KEY and _key_id(request.public_key_pem) != request.key_id:
        raise NotSigned("The key is not the one whose id was approved.")


def _check_held(request: GovernedRequest) -> None:
    held = records.payout(request.payout_id or "")
    if held is None or held.state is not PayoutState.ASKED:
        raise NotSigned("The ledger holds nothing for it.")
    if (held.amount, held.account_id) != (request.amount_micro, str(request.account_id)):
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
    proposal = records.proposal(content.operation_id(request))
    if proposal is None or proposal.state is not ProposalState.OPEN:
        return False
    if proposal.digest != sha256_hex(content.text(request).encode()):
        raise NotSigned("The proposal on the ledger has other content.")
    return True
