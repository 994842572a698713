"""Ends an operator's place on the network; its key on the ledger is ended by both organisations."""

from contextlib import suppress
from datetime import datetime

from portal.accounts.models import Account, Role
from portal.accounts.operations import require_administrator, withdraw_role
from portal.governance import approving
from portal.governance.errors import RequestMovedOn
from portal.governance.operators import open_request
from portal.membership.ports import Kind, Member, Registrar
from portal.peers.errors import NoNetwork
from portal.peers.models import Peer
from wire.joining import operator_name

_REASON = "Expelled from the network."


def expel(owner: Account, *, by: Account, registrar: Registrar | None, now: datetime) -> None:
    """Take an account's role as peer, and revoke the certificates of all its machines, for good; safe to repeat.

    The network goes by it once the revocation list is published. It is let in again with other keys only.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is the administrator's own account that waits to be taken in.
    :raises NoNetwork: when nobody admits or expels here.
    :raises RegistrarUnavailable: when the network's authority does not answer; repeat it.
    """
    require_administrator(by)
    if registrar is None:
        raise NoNetwork
    if waiting := open_request(owner):
        # One that is decided goes on; the ledger's operator has no certificate then.
        with suppress(RequestMovedOn):
            approving.refuse(waiting, by=by, reason=_REASON, now=now)
    # First, so that no machine joins meanwhile.
    withdraw_role(owner, role=Role.PEER, by=by, now=now)
    for peer in Peer.objects.filter(owner=owner):
        registrar.expel(Member(kind=Kind.OPERATOR, name=operator_name(peer.operator_key_id)))
        registrar.expel(Member(kind=Kind.NODE, name=peer.name))
        peer.delete()
