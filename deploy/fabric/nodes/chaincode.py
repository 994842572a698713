"""The chaincode's servers: one for each organisation, as each would run its own."""

import sys

from deploy import files
from deploy.fabric.network import Network, Node, NodeRole, Places
from deploy.fabric.nodes.peers import CONNECTIONS
from deploy.paths import ROOT
from deploy.servers.process import Program
from wire.codec import canonical_json


def server_name(node: Node, sequence: int) -> str:
    """Return what the server of one definition of the chaincode is called."""
    return f"{node.name}.{sequence}"


def server_address(network: Network, node: Node) -> str:
    """Return where the server of the chaincode's current definition listens."""
    return f"{network.host}:{_ports(node, network.sequence)[0]}"


def chaincode_daemon(places: Places, network: Network, node: Node, package_id: str) -> Program:
    """Return the server of the chaincode's current definition as a process."""
    home = places.node(node).resolve()
    listen, health = _ports(node, network.sequence)
    options: dict[str, object] = {
        "--package-id": package_id,
        "--address": f"{network.host}:{listen}",
        "--certificate": home / "tls" / "cert.pem",
        "--key": home / "tls" / "key.pem",
        "--client-root": home / "tls" / "ca.pem",
        "--genesis": places.genesis.resolve(),
        "--health": f"{network.host}:{health}",
    }
    command = [sys.executable, "-m", "chaincode.fabric", *(str(part) for option in options.items() for part in option)]
    return Program(
        name=server_name(node, network.sequence),
        command=command,
        ports=[listen, health],
        directory=home,
        environment={"PYTHONPATH": str(ROOT)},
    )


def tell_peer(places: Places, network: Network, peer: Node, label: str) -> None:
    """Write where a peer finds the chaincode's server of its organisation; the external builder reads it."""
    (server,) = network.of(NodeRole.CHAINCODE, peer.organisation)
    listen, _ = _ports(server, network.sequence)
    tls = places.node(peer) / "tls"
    connection = {
        "address": f"{network.host}:{listen}",
        "dial_timeout": "3s",
        "tls_required": True,
        "client_auth_required": True,
        "client_key": (tls / "key.pem").read_text(),
        "client_cert": (tls / "cert.pem").read_text(),
        "root_cert": (tls / "ca.pem").read_text(),
    }
    files.write(places.node(peer) / CONNECTIONS / f"{label}.json", canonical_json(connection), secret=True)


def _ports(node: Node, sequence: int) -> tuple[int, int]:
    """Return the ports of a definition's server: the next definition's runs beside it until it is taken."""
    suffix = "" if sequence % 2 else "_next"
    return node.ports[f"listen{suffix}"], node.ports[f"health{suffix}"]
