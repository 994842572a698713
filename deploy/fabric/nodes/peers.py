"""The peers: how each is started, and how Fabric's peer command is run for an organisation."""

import os
import subprocess
from collections.abc import Mapping

from deploy.errors import DeployError
from deploy.fabric.identities.enrolment import ADMINISTRATOR
from deploy.fabric.network import Network, Node, NodeRole, Places, msp_id
from deploy.fabric.tools import GARBAGE_COLLECTION, FabricTools
from deploy.paths import FABRIC
from deploy.servers.process import Program

#: In a peer's directory: where the chaincode's servers are, a file for each package label.
CONNECTIONS = "chaincode"
_COMMAND_SECONDS = 60


class CommandFailed(DeployError):
    """One of Fabric's commands failed; the message has its words."""


def peer_daemon(tools: FabricTools, places: Places, network: Network, node: Node, *, bootstrap: str = "") -> Program:
    """Return a peer as a process; `bootstrap` is another peer of its organisation, where the network has none."""
    home = places.node(node).resolve()
    tls = home / "tls"
    address, chaincode = network.address(node), network.address(node, "chaincode")
    first = network.of(NodeRole.PEER, node.organisation)[0]
    settings = {
        "PEER_ID": node.name,
        "PEER_LOCALMSPID": msp_id(node.organisation),
        "PEER_MSPCONFIGPATH": str(home / "msp"),
        "PEER_LISTENADDRESS": address,
        "PEER_ADDRESS": address,
        "PEER_CHAINCODELISTENADDRESS": chaincode,
        "PEER_CHAINCODEADDRESS": chaincode,
        "PEER_GOSSIP_BOOTSTRAP": bootstrap or network.address(first),
        "PEER_GOSSIP_EXTERNALENDPOINT": address,
        "PEER_FILESYSTEMPATH": str(home / "ledger"),
        "LEDGER_SNAPSHOTS_ROOTDIR": str(home / "snapshots"),
        "OPERATIONS_LISTENADDRESS": network.address(node, "operations"),
        "PEER_TLS_ENABLED": "true",
        "PEER_TLS_CERT_FILE": str(tls / "cert.pem"),
        "PEER_TLS_KEY_FILE": str(tls / "key.pem"),
        "PEER_TLS_ROOTCERT_FILE": str(tls / "ca.pem"),
    }
    return Program(
        name=node.name,
        command=[tools.path("peer").resolve(), "node", "start"],
        ports=[node.ports[name] for name in ("listen", "operations")],
        # The external builder's path in core.yaml is relative to it.
        directory=FABRIC,
        environment={
            **GARBAGE_COLLECTION,
            "FABRIC_CFG_PATH": str(FABRIC / "config"),
            "FABRIC_LOGGING_SPEC": "warn",
            "CHAINFAAS_CHAINCODE_CONNECTIONS": str(home / CONNECTIONS),
            **{f"CORE_{name}": value for name, value in settings.items()},
        },
    )


def orderer_options(places: Places, network: Network) -> tuple[object, ...]:
    """Return the options by which a command reaches an orderer; its port is open a while before it serves."""
    orderer = network.of(NodeRole.ORDERER)[0]
    root = places.ca_root(orderer.organisation).resolve()
    return ("-o", network.address(orderer), "--tls", "--cafile", root, "--connTimeout", "30s")


class PeerCommand:
    """Fabric's peer command, as the administrator of an organisation, at one of its peers."""

    def __init__(self, tools: FabricTools, places: Places, network: Network, node: Node) -> None:
        self._program = tools.path("peer").resolve()
        self._environment = {
            "FABRIC_CFG_PATH": str(FABRIC / "config"),
            "FABRIC_LOGGING_SPEC": "error",
            "CORE_PEER_LOCALMSPID": msp_id(node.organisation),
            "CORE_PEER_MSPCONFIGPATH": str(places.user(node.organisation, ADMINISTRATOR).resolve()),
            "CORE_PEER_ADDRESS": network.address(node),
            "CORE_PEER_TLS_ENABLED": "true",
            "CORE_PEER_TLS_ROOTCERT_FILE": str(places.ca_root(node.organisation).resolve()),
        }

    def run(self, *arguments: object, harmless: str = "") -> str:
        """Run a command and return what it wrote.

        :raises CommandFailed: when it fails for another reason than the words in `harmless`.
        """
        return run([self._program, *arguments], self._environment, harmless=harmless)


def run(command: list[object], environment: Mapping[str, str], *, harmless: str = "") -> str:
    """Run one of Fabric's commands and return what it wrote.

    :raises CommandFailed: when it fails for another reason than the words in `harmless`.
    """
    words = [str(part) for part in command]
    try:
        done = subprocess.run(  # noqa: S603 - Fabric's own programs
            words,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"{' '.join(words[:4])} took longer than {_COMMAND_SECONDS} s") from error
    said = done.stdout + done.stderr
    if done.returncode and not (harmless and harmless in said):
        raise CommandFailed(f"{' '.join(words[:4])} failed: {' '.join(said.split())[-600:]}")
    return said
