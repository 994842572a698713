"""A network as it is: its nodes, their ports and its chaincode, kept in network.json; and where its files lie."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Self

from deploy import files
from deploy.errors import DeployError
from deploy.fabric.topology import NetworkOrganisation, Topology
from wire.codec import decode, encode
from wire.errors import WireError

FILE = "network.json"


class NodeRole(StrEnum):
    """What a node is."""

    CA = "ca"
    ORDERER = "orderer"
    PEER = "peer"
    CHAINCODE = "chaincode"


#: The ports of each, in order; the first is the one that others connect to. Two versions of a chaincode's server run
#: side by side while it is upgraded.
PORTS: Mapping[NodeRole, tuple[str, ...]] = {
    NodeRole.CA: ("listen", "operations"),
    NodeRole.ORDERER: ("listen", "admin", "operations"),
    NodeRole.PEER: ("listen", "chaincode", "operations"),
    NodeRole.CHAINCODE: ("listen", "health", "listen_next", "health_next"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One process of the network."""

    name: str
    role: NodeRole
    organisation: str
    ports: Mapping[str, int]

    @classmethod
    def planned(cls, name: str, role: NodeRole, organisation: str, ports: Iterator[int]) -> Self:
        """Return a new node, which takes the next ports."""
        return cls(name=name, role=role, organisation=organisation, ports={port: next(ports) for port in PORTS[role]})


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A network that was made."""

    channel: str
    host: str
    max_transactions: int
    timeout: str
    users: Mapping[str, tuple[str, ...]]
    nodes: tuple[Node, ...]
    #: Of the chaincode's definition on the channel; counted up by each upgrade.
    sequence: int = 1

    def of(self, role: NodeRole, organisation: str | None = None) -> tuple[Node, ...]:
        """Return the nodes of a role, of one organisation or of all."""
        return tuple(node for node in self.nodes if node.role is role and organisation in (None, node.organisation))

    @property
    def organisations(self) -> tuple[str, ...]:
        """The names of the organisations."""
        return tuple(self.users)

    @property
    def ordering_organisations(self) -> tuple[str, ...]:
        """The names of those that run orderers."""
        return tuple(name for name in self.organisations if self.of(NodeRole.ORDERER, name))

    def address(self, node: Node, port: str = "listen") -> str:
        """Return `host:port` of a node."""
        return f"{self.host}:{node.ports[port]}"


def msp_id(organisation: str) -> str:
    """Return what Fabric calls an organisation."""
    return f"{organisation.capitalize()}MSP"


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Where everything of a network lies."""

    root: Path

    def node(self, node: Node) -> Path:
        """Return a node's own directory: `msp`, `tls` and what it stores."""
        return self.root / "nodes" / node.name

    def organisation(self, name: str) -> Path:
        """Return an organisation's directory: `ca.pem`, `msp`, `users`."""
        return self.root / "organisations" / name

    def ca_root(self, organisation: str) -> Path:
        """Return the root certificate of an organisation's CA."""
        return self.organisation(organisation) / "ca.pem"

    def user(self, organisation: str, user: str) -> Path:
        """Return the MSP directory of a person or program of an organisation."""
        return self.organisation(organisation) / "users" / user / "msp"

    def registrar(self, organisation: str) -> Path:
        """Return the MSP directory of the registrar by which the portal admits participants to an organisation."""
        return self.organisation(organisation) / "registrar" / "msp"

    def registrar_secret(self, organisation: str) -> Path:
        """Return the file of which participants' passwords at an organisation's CA are made."""
        return self.organisation(organisation) / "registrar" / "secret"

    @property
    def channel_block(self) -> Path:
        """The channel's first block."""
        return self.root / "channel" / "genesis.block"

    @property
    def stopped(self) -> Path:
        """There while the network is meant not to run."""
        return self.root / "stopped"

    @property
    def genesis(self) -> Path:
        """What both organisations' chaincode servers agree to begin the ledger with."""
        return self.root / "genesis.json"


def load(places: Places) -> Network | None:
    """Return the network in a directory; None when none was made there.

    :raises DeployError: when its description is damaged.
    """
    path = places.root / FILE
    try:
        return decode(Network, path.read_bytes())
    except FileNotFoundError:
        return None
    except WireError as error:
        raise DeployError(f"{path}: {error}; `network reset` removes the network with its data") from error


def save(places: Places, network: Network) -> None:
    """Write a network's description; a run that is cut short leaves the old one or the new one."""
    places.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(places.root / FILE, encode(network))


def plan(topology: Topology, ports_from: Callable[[int], list[int]]) -> Network:
    """Return a new network; `ports_from` returns so many ports."""
    wanted = [item for organisation in topology.organisations for item in _nodes(organisation)]
    ports = iter(ports_from(sum(len(PORTS[role]) for _, role, _ in wanted)))
    return Network(
        channel=topology.channel,
        host=topology.host,
        max_transactions=topology.blocks.max_transactions,
        timeout=topology.blocks.timeout,
        users={organisation.name: organisation.users for organisation in topology.organisations},
        nodes=tuple(Node.planned(*item, ports) for item in wanted),
    )


def with_peer(network: Network, organisation: str, ports: list[int]) -> tuple[Network, Node]:
    """Return the network with one more peer, and that peer."""
    number = len(network.of(NodeRole.PEER, organisation))
    peer = Node.planned(f"peer{number}.{organisation}", NodeRole.PEER, organisation, iter(ports))
    return replace(network, nodes=(*network.nodes, peer)), peer


def _nodes(organisation: NetworkOrganisation) -> Iterator[tuple[str, NodeRole, str]]:
    name = organisation.name
    yield f"ca.{name}", NodeRole.CA, name
    for number in range(organisation.orderers):
        yield f"orderer{number}.{name}", NodeRole.ORDERER, name
    for number in range(organisation.peers):
        yield f"peer{number}.{name}", NodeRole.PEER, name
    yield f"chaincode.{name}", NodeRole.CHAINCODE, name
