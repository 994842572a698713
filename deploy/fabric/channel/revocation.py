"""Revocation: the CA's list goes onto the channel, and from that block on nobody takes the certificates on it."""

from cryptography import x509

from deploy.fabric import files
from deploy.fabric.identities.enrolment import Enrolment
from deploy.fabric.network import Network, Places, Role, msp_id
from deploy.fabric.nodes.peers import PeerCommand
from deploy.fabric.readiness import connection
from deploy.fabric.tools import Tools
from deploy.servers.waiting import wait_for
from fabric_client.channel import configuration_of, revocation_update, revoked
from fabric_client.peers import Peers

_SECONDS = 10
_COMMIT_SECONDS = 30


def revoke(tools: Tools, places: Places, network: Network, organisation: str, name: str) -> int:
    """Revoke all certificates of a name; return how many the organisation's list has now."""
    with Enrolment(places, network, organisation) as enrolment:
        enrolment.revoke(name)
        revocation_list = enrolment.revocation_list()
    msp = msp_id(organisation)
    with connection(places, network) as peers:
        config = configuration_of(_block(peers, network))
        path = places.root / "channel" / f"revocation-{organisation}.tx"
        files.write(path, revocation_update(config, network.channel, msp, revocation_list))
        orderer = network.of(Role.ORDERER)[0]
        root = places.ca_root(orderer.organisation).resolve()
        command = PeerCommand(tools, places, network, network.of(Role.PEER, organisation)[0])
        command.run(
            *("channel", "update", "-f", path.resolve(), "-c", network.channel),
            *("-o", network.address(orderer), "--tls", "--cafile", root),
        )
        wait_for(
            "the channel to take the revocation list",
            lambda: revocation_list in revoked(configuration_of(_block(peers, network)), msp),
            _COMMIT_SECONDS,
        )
    return len(list(x509.load_pem_x509_crl(revocation_list)))


def _block(peers: Peers, network: Network) -> bytes:
    return peers.ask(lambda gateway: gateway.configuration(network.channel, seconds=_SECONDS))
