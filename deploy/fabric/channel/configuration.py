"""The channel's first block: its organisations, orderers and policies."""

from typing import Any

from deploy import files
from deploy.fabric.identities.authority import READERS
from deploy.fabric.network import Network, NodeRole, Places, msp_id
from deploy.fabric.nodes.peers import run
from deploy.fabric.tools import FabricTools
from fabric_client.channel import let_units_read
from wire.codec import canonical_json

_PROFILE = "Channel"


def make_channel_block(tools: FabricTools, places: Places, network: Network) -> None:
    """Make the channel's first block, once."""
    if places.channel_block.exists():
        return
    directory = places.channel_block.parent.resolve()
    # YAML understands JSON.
    files.write(directory / "configtx.yaml", canonical_json(_configuration(places, network)))
    unfinished = directory / "unfinished.block"
    command = [tools.path("configtxgen").resolve(), "-profile", _PROFILE, "-channelID", network.channel]
    run([*command, "-outputBlock", unfinished], {"FABRIC_CFG_PATH": str(directory)})
    roots = {msp_id(name): places.ca_root(name).read_bytes() for name in network.organisations}
    # Written as configtxgen cannot: its policies know roles, and no units.
    files.write(places.channel_block, let_units_read(unfinished.read_bytes(), READERS, roots))
    unfinished.unlink()


def _configuration(places: Places, network: Network) -> Any:
    organisations = {name: _organisation(places, network, name) for name in network.organisations}
    ordering = [organisations[name] for name in network.ordering_organisations]
    return {
        "Profiles": {
            _PROFILE: {
                "Policies": _policies(),
                "Capabilities": {"V3_0": True},
                "Orderer": {**_orderer(places, network), "Organizations": ordering},
                "Application": {
                    "Organizations": list(organisations.values()),
                    "Policies": {
                        **_policies(),
                        "LifecycleEndorsement": _meta("MAJORITY Endorsement"),
                        "Endorsement": _meta("MAJORITY Endorsement"),
                    },
                    "Capabilities": {"V2_5": True},
                    # Who hands a transaction in may ask what became of it, also one who does not read the blocks.
                    "ACLs": {"gateway/CommitStatus": "/Channel/Application/Writers"},
                },
            }
        }
    }


def _organisation(places: Places, network: Network, name: str) -> Any:
    msp = msp_id(name)
    anchor = network.of(NodeRole.PEER, name)[0]
    described: dict[str, Any] = {
        "Name": msp,
        "ID": msp,
        "MSPDir": str((places.organisation(name) / "msp").resolve()),
        "Policies": {
            "Readers": _signature(f"OR('{msp}.admin', '{msp}.peer', '{msp}.client', '{msp}.orderer')"),
            "Writers": _signature(f"OR('{msp}.admin', '{msp}.client', '{msp}.orderer')"),
            "Admins": _signature(f"OR('{msp}.admin')"),
            "Endorsement": _signature(f"OR('{msp}.peer')"),
            "Ordering": _signature(f"OR('{msp}.orderer')"),
        },
        "AnchorPeers": [{"Host": network.host, "Port": anchor.ports["listen"]}],
    }
    if orderers := network.of(NodeRole.ORDERER, name):
        described["OrdererEndpoints"] = [network.address(node) for node in orderers]
    return described


def _orderer(places: Places, network: Network) -> Any:
    consenters = [
        {
            "Host": network.host,
            "Port": node.ports["listen"],
            "ClientTLSCert": str((places.node(node) / "tls" / "cert.pem").resolve()),
            "ServerTLSCert": str((places.node(node) / "tls" / "cert.pem").resolve()),
        }
        for node in network.of(NodeRole.ORDERER)
    ]
    raft = {"TickInterval": "250ms", "ElectionTick": 10, "HeartbeatTick": 1, "MaxInflightBlocks": 5}
    return {
        "OrdererType": "etcdraft",
        "BatchTimeout": network.timeout,
        "BatchSize": {
            "MaxMessageCount": network.max_transactions,
            "AbsoluteMaxBytes": "20 MB",
            "PreferredMaxBytes": "4 MB",
        },
        # Only an orderer's own signature makes a block.
        "Policies": {**_policies(), "BlockValidation": _meta("ANY Ordering")},
        "Capabilities": {"V2_0": True},
        "EtcdRaft": {"Consenters": consenters, "Options": {**raft, "SnapshotIntervalSize": "16 MB"}},
    }


def _policies() -> Any:
    return {
        "Readers": _meta("ANY Readers"),
        "Writers": _meta("ANY Writers"),
        "Admins": _meta("MAJORITY Admins"),
    }


def _meta(rule: str) -> Any:
    return {"Type": "ImplicitMeta", "Rule": rule}


def _signature(rule: str) -> Any:
    return {"Type": "Signature", "Rule": rule}
