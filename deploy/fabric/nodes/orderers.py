"""The orderers: how each is started."""

from deploy.fabric.network import Network, Node, Places, msp_id
from deploy.fabric.tools import GARBAGE_COLLECTION, FabricTools
from deploy.paths import FABRIC
from deploy.servers.process import Program


def orderer_daemon(tools: FabricTools, places: Places, network: Network, node: Node) -> Program:
    """Return an orderer as a process."""
    home = places.node(node).resolve()
    tls = home / "tls"
    certificate, key, root = (str(tls / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    roots = f"[{','.join(str(places.ca_root(name).resolve()) for name in network.organisations)}]"
    settings = {
        "GENERAL_LISTENADDRESS": network.host,
        "GENERAL_LISTENPORT": str(node.ports["listen"]),
        "GENERAL_LOCALMSPID": msp_id(node.organisation),
        "GENERAL_LOCALMSPDIR": str(home / "msp"),
        "GENERAL_TLS_PRIVATEKEY": key,
        "GENERAL_TLS_CERTIFICATE": certificate,
        "GENERAL_TLS_ROOTCAS": f"[{root}]",
        "GENERAL_CLUSTER_CLIENTCERTIFICATE": certificate,
        "GENERAL_CLUSTER_CLIENTPRIVATEKEY": key,
        "GENERAL_CLUSTER_ROOTCAS": roots,
        "ADMIN_LISTENADDRESS": network.address(node, "admin"),
        "ADMIN_TLS_PRIVATEKEY": key,
        "ADMIN_TLS_CERTIFICATE": certificate,
        "ADMIN_TLS_CLIENTROOTCAS": f"[{root}]",
        "ADMIN_TLS_ROOTCAS": f"[{root}]",
        "OPERATIONS_LISTENADDRESS": network.address(node, "operations"),
        "FILELEDGER_LOCATION": str(home / "ledger"),
        "CONSENSUS_WALDIR": str(home / "raft" / "wal"),
        "CONSENSUS_SNAPDIR": str(home / "raft" / "snapshots"),
    }
    return Program(
        name=node.name,
        command=[tools.path("orderer").resolve()],
        ports=[node.ports[name] for name in ("listen", "admin")],
        directory=home,
        environment={
            **GARBAGE_COLLECTION,
            "FABRIC_CFG_PATH": str(FABRIC / "config"),
            # A Gateway closes its stream after each transaction, and the orderer would warn of each.
            "FABRIC_LOGGING_SPEC": "warn:orderer.common.broadcast=error",
            **{f"ORDERER_{name}": value for name, value in settings.items()},
        },
    )
