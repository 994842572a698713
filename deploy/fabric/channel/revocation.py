"""Revocation: the CA's list goes onto the channel, and from that block on nobody takes the certificates on it."""

from collections.abc import Iterable
from typing import Any

from cryptography import x509

from deploy import files
from deploy.fabric.identities.enrolment import CaEnrolment
from deploy.fabric.network import Network, NodeRole, Places, msp_id
from deploy.fabric.nodes.peers import PeerCommand, orderer_options
from deploy.fabric.readiness import connection
from deploy.fabric.tools import FabricTools
from deploy.servers.waiting import wait_for
from fabric_client.channel import configuration_of, revocation_update, revoked

_SECONDS = 10
_COMMIT_SECONDS = 30


def revoke(tools: FabricTools, places: Places, network: Network, organisation: str, name: str) -> int:
    """Revoke all certificates of a name; return how many the organisation's list has now."""
    with CaEnrolment(places, network, organisation) as enrolment:
        enrolment.revoke(name)
    return publish(tools, places, network, organisation)


def publish(tools: FabricTools, places: Places, network: Network, organisation: str) -> int:
    """Put what an organisation's CA has revoked onto the channel, if that is news; return how many certificates."""
    with CaEnrolment(places, network, organisation) as enrolment:
        revocation_list = enrolment.revocation_list()
    msp, wanted = msp_id(organisation), _serials([revocation_list])
    with connection(places, network) as peers:

        def config() -> Any:
            block = peers.ask(lambda gateway: gateway.configuration(network.channel, seconds=_SECONDS))
            return configuration_of(block)

        if _serials(revoked(config(), msp)) == wanted:
            return len(wanted)
        path = places.root / "channel" / f"revocation-{organisation}.tx"
        files.write(path, revocation_update(config(), network.channel, msp, revocation_list))
        command = PeerCommand(tools, places, network, network.of(NodeRole.PEER, organisation)[0])
        update = ("channel", "update", "-f", path.resolve(), "-c", network.channel)
        command.run(*update, *orderer_options(places, network))
        wait_for(
            "the channel to take the revocation list",
            lambda: revocation_list in revoked(config(), msp),
            _COMMIT_SECONDS,
        )
    return len(wanted)


def _serials(lists: Iterable[bytes]) -> set[int]:
    return {item.serial_number for pem in lists for item in x509.load_pem_x509_crl(pem)}
