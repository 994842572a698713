"""An organisation's certificate authority: a Fabric CA server."""

import secrets
from pathlib import Path

from deploy import files
from deploy.errors import NotReady
from deploy.fabric.network import Network, Node, Places
from deploy.fabric.tools import FabricTools
from deploy.servers.process import Program
from deploy.servers.waiting import wait_for
from wire.codec import canonical_json

#: Who registers others.
REGISTRAR = "registrar"
#: Who is no part of the organisation itself: providers, and those that run peers, who may also read.
PARTICIPANTS = "participants"
#: Who may read the ledger: of the organisation itself, and of its participants.
READERS = "readers"
_AFFILIATIONS = {READERS: [], PARTICIPANTS: [READERS]}
_CONFIGURATION = "fabric-ca-server-config.yaml"
_PASSWORD = "registrar.password"  # noqa: S105 - the name of a file
_ROOT_SECONDS = 30
_YEAR = "8760h"


def authority_daemon(tools: FabricTools, places: Places, network: Network, node: Node) -> Program:
    """Return the server of an organisation's CA; its configuration is written the first time."""
    home = places.node(node)
    if not (home / _CONFIGURATION).exists():
        files.write(home / _PASSWORD, secrets.token_hex(32).encode(), secret=True)
        configuration = _configuration(network, node, password(places, node))
        # YAML understands JSON.
        files.write(home / _CONFIGURATION, canonical_json(configuration), secret=True)
    return Program(
        name=node.name,
        command=[tools.path("fabric-ca-server"), "start", "--home", home],
        ports=[node.ports["listen"]],
        directory=home,
    )


def password(places: Places, node: Node) -> str:
    """Return the registrar's password, made when the CA was."""
    return (places.node(node) / _PASSWORD).read_text()


def publish_root(places: Places, node: Node) -> Path:
    """Copy the root certificate, once the CA has made it, to where all others look for it."""
    made, public = places.node(node) / "ca-cert.pem", places.ca_root(node.organisation)
    if not public.exists():
        wait_for(f"{node.name} to make its root certificate", made.exists, _ROOT_SECONDS)
        if not (content := made.read_bytes()):
            raise NotReady(f"{made} is empty")
        files.write(public, content)
    return public


def _configuration(network: Network, node: Node, registrar_password: str) -> object:
    registrar = {
        "name": REGISTRAR,
        "pass": registrar_password,
        "type": "client",
        "affiliation": "",
        "attrs": {
            "hf.Registrar.Roles": "client,peer,orderer,admin",
            "hf.Registrar.Attributes": "*",
            "hf.Revoker": True,
            "hf.GenCRL": True,
        },
    }
    return {
        "address": network.host,
        "port": node.ports["listen"],
        "tls": {"enabled": True},
        "ca": {"name": node.name},
        "crl": {"expiry": "720h"},
        "affiliations": _AFFILIATIONS,
        "registry": {"maxenrollments": -1, "identities": [registrar]},
        "db": {"type": "sqlite3", "datasource": "fabric-ca-server.db"},
        "csr": {
            "cn": node.name,
            "keyrequest": {"algo": "ecdsa", "size": 256},
            "names": [{"O": node.organisation}],
            "hosts": sorted({network.host, "localhost", "127.0.0.1"}),
            "ca": {"expiry": "131400h", "pathlength": 0},
        },
        "signing": {
            "default": {"usage": ["digital signature"], "expiry": _YEAR},
            "profiles": {
                "tls": {
                    "usage": ["digital signature", "server auth", "client auth", "key agreement"],
                    "expiry": _YEAR,
                }
            },
        },
        "bccsp": {"default": "SW", "sw": {"hash": "SHA2", "security": 256}},
        "operations": {"listenAddress": network.address(node, "operations")},
        "metrics": {"provider": "prometheus"},
        "cfg": {"identities": {"passwordattempts": 10}},
    }
