"""Whose an operation's id is: nobody takes one that another participant, organisation or the controller needs."""

from chaincode.contracts.errors import Refused
from chaincode.contracts.execution.reading import Submitted
from chaincode.contracts.execution.registered import TRANSACTIONS
from wire.ledger.records import PinnedKey
from wire.ledger.refusals import Refusal


def require_own_id(submitted: Submitted, author: PinnedKey) -> None:
    """Let those who speak for a provider, an account or an organisation use only ids that begin with its own.

    Keys of the installation (controller, treasury, custody) have no holder and use all other ids. What both
    organisations decide is the same operation for both, whoever proposes it: its id belongs to neither.

    :raises Refused: `not_authorised`, saying how the id has to begin.
    """
    if not author.holder or TRANSACTIONS[submitted.kind].proposers:
        return
    if not submitted.subject.startswith(f"{author.holder}:"):
        expected = f"text that begins with {submitted.kind}:{author.holder}:"
        raise Refused(Refusal.NOT_AUTHORISED, f"operation_id: expected {expected}")
