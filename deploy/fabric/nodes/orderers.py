"""The orderers: how each is started."""

from deploy.fabric.network import Network, Node, Places, msp_id
from deploy.fabric.tools import GARBAGE_COLLECTION, Tools
from deploy.paths import FABRIC
from deploy.servers.process import Program


def orderer_daemon(tools: Tools, places: Places, network: Network, node: Node) -> Program:
    """Return an orderer as a process."""
    home = places.node(node).resolve()
    tls = home / "tls"
    certificate, key, root = (str(tls / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    roots = f"[{','.join(str(places.ca_root(name).resolve()) for name in network.organisations)}]"
    general = {
        "LISTENADDRESS": network.host,
        "LISTENPORT": str(node.ports["listen"]),
        "LOCALMSPID": msp_id(node.organisation),
        "LOCALMSPDIR": str(home / "msp"),
        "TLS_PRIVATEKEY": key,
        "TLS_CERTIFICATE": certificate,
        "TLS_ROOTCAS": f"[{root}]",
        "CLUSTER_CLIENTCERTIFICATE": certificate,
        "CLUSTER_CLIENTPRIVATEKEY": key,
        "CLUSTER_ROOTCAS": roots,
    }
    others = {
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
            **{f"ORDERER_GENERAL_{name}": value for name, value in general.items()},
            **{f"ORDERER_{name}": value for name, value in others.items()},
        },
    )
