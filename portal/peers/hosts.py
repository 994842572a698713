"""Hosts that somebody else answers at: a TLS certificate for one would let its holder answer in that one's place."""

from portal.accounts.models import Account
from portal.peers.errors import JoinStatementInvalid
from portal.peers.models import Peer
from portal.peers.network import KnownNetwork
from wire.joining import is_loopback


def require_own(host: str, *, owner: Account, network: KnownNetwork) -> None:
    """Go on only with a host at which neither the network's own nodes nor another operator's answer.

    A machine's name for itself is nobody's: there all can be tried out on one machine.

    :raises JoinStatementInvalid: with any other.
    """
    if is_loopback(host):
        return
    others = Peer.objects.exclude(owner=owner).filter(host=host)
    if host in network.hosts or others.exists():
        problem = "host: another node of the network answers there. Use a name or address of this machine alone."
        raise JoinStatementInvalid(fields={"statement": [problem]})
