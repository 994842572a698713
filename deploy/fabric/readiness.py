"""A network is ready when all its peers have a transaction that every organisation endorsed: no open port proves it."""

import json
from collections.abc import Callable

from deploy.errors import DeployError
from deploy.fabric.network import Network, Node, NodeRole, Places, msp_id
from deploy.fabric.profiles import profile
from deploy.servers.waiting import wait_for
from fabric_client.errors import ChaincodeRefused, FabricError
from fabric_client.gateway import Gateway
from fabric_client.identity import Identity
from fabric_client.peers import PeerEndpoint, PeerRing
from fabric_client.proposals import ChaincodeCall, SignedProposal, propose
from wire.ledger import names

_READY_SECONDS = 60
_CALL_SECONDS = 30
_CATCH_UP_SECONDS = 300


class NotReadyYet(DeployError):
    """The network does not commit transactions, or a peer does not get them; the message has what was said last."""


def connection(places: Places, network: Network) -> PeerRing:
    """Return the network's peers, for an operator of the first organisation."""
    organisation = network.organisations[0]
    return profile(places, network, organisation, network.users[organisation][0]).connect()


def wait_ready(places: Places, network: Network) -> int:
    """Return the block of the first transaction that every organisation endorsed, once every peer has it.

    A peer that is behind would endorse something else than the others.

    :raises NotReadyYet: when there is none in time, or a peer does not have it in time.
    """
    said: list[str] = ["nothing"]

    def committed() -> int:
        try:
            return execute(peers, network, names.PROBE)
        except FabricError as error:
            said[0] = str(error)
            return 0

    with connection(places, network) as peers:
        try:
            block = wait_for("the first transaction", committed, _READY_SECONDS)
        except DeployError as error:
            raise NotReadyYet(f"the network commits nothing within {_READY_SECONDS} s; it said: {said[0]}") from error
    wait_for_peers(network, block, lambda peer: height(places, network, peer))
    return block


def wait_for_peers(
    network: Network, block: int, height_of: Callable[[Node], int | None], seconds: float = _CATCH_UP_SECONDS
) -> None:
    """Return when every peer has a block.

    :raises NotReadyYet: naming the peers that do not have it in time.
    """
    behind = list(network.of(NodeRole.PEER))

    def all_have_it() -> bool:
        behind[:] = [peer for peer in behind if (height_of(peer) or 0) <= block]
        return not behind

    try:
        wait_for("all peers", all_have_it, seconds)
    except DeployError as error:
        late = ", ".join(peer.name for peer in behind)
        raise NotReadyYet(f"without block {block} for {seconds:g} s: {late}; `network logs` shows why") from error


def execute(peers: PeerRing, network: Network, function: str, *arguments: bytes) -> int:
    """Run a function as a transaction that every organisation endorses, and return the number of its block."""
    proposal = _proposal(peers, network, function, *arguments)
    organisations = tuple(msp_id(name) for name in network.organisations)

    def run(gateway: Gateway) -> int:
        prepared = gateway.endorse(proposal, seconds=_CALL_SECONDS, organisations=organisations)
        gateway.submit(proposal, prepared, seconds=_CALL_SECONDS)
        return gateway.commit_status(proposal.transaction_id, network.channel, seconds=_CALL_SECONDS)

    return peers.ask(run)


def begin_ledger(places: Places, network: Network, genesis: str) -> bool:
    """Write the ledger's first state; return False when it had begun with the same one.

    :raises DeployError: when it began with another, or the organisations have not agreed to this one.
    """
    with connection(places, network) as peers:
        asked = _proposal(peers, network, names.GET, b"genesis")
        answer = peers.ask(lambda gateway: gateway.evaluate(asked, seconds=_CALL_SECONDS))
        if began := json.loads(answer).get("genesis"):
            if began != genesis:
                raise DeployError("the ledger began with another genesis: `network reset` removes it with its data")
            return False
        try:
            execute(peers, network, names.GENESIS, genesis.encode())
        except ChaincodeRefused as error:
            raise DeployError(f"the genesis is refused: {error.reason}") from error
    return True


def height(places: Places, network: Network, peer: Node) -> int | None:
    """Return how many blocks a peer has; None when it does not answer."""
    user = network.users[peer.organisation][0]
    identity = Identity.read(msp_id(peer.organisation), places.user(peer.organisation, user))
    endpoint = PeerEndpoint(address=network.address(peer), tls_root=places.ca_root(peer.organisation).read_bytes())
    with PeerRing([endpoint], identity) as peers:
        try:
            return peers.current.gateway.height(network.channel, seconds=3)
        except FabricError:
            return None


def wait_for_height(places: Places, network: Network, peer: Node, say: Callable[[str], None]) -> None:
    """Return when a peer has as many blocks as the others had when this was called.

    :raises NotReady: when no other peer answers, or it does not catch up in time.
    """
    others = [node for node in network.of(NodeRole.PEER) if node != peer]

    def newest() -> int:
        return max((height(places, network, node) or 0 for node in others), default=0)

    wanted = wait_for("another peer to tell its height", newest, _READY_SECONDS)
    say(f"{peer.name} catches up to block {wanted}")
    wait_for(f"{peer.name} to catch up", lambda: (height(places, network, peer) or 0) >= wanted, _CATCH_UP_SECONDS)


def _proposal(peers: PeerRing, network: Network, function: str, *arguments: bytes) -> SignedProposal:
    call = ChaincodeCall(channel=network.channel, chaincode=names.CHAINCODE, function=function, arguments=arguments)
    return propose(peers.identity, call)
