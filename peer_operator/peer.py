"""The operator's peer: started, on the channel, caught up, and serving with a chaincode server of its own."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from deploy import files
from deploy.errors import DeployError
from deploy.fabric import network, readiness
from deploy.fabric.channel.lifecycle import Lifecycle
from deploy.fabric.channel.membership import join_peer
from deploy.fabric.channel.package import package
from deploy.fabric.network import Network, Node, NodeRole
from deploy.fabric.nodes.chaincode import chaincode_daemon, server_name
from deploy.fabric.nodes.peers import peer_daemon
from deploy.fabric.supervision import Processes, Say
from deploy.fabric.tools import FabricTools
from deploy.servers.process import Program
from deploy.servers.waiting import wait_for
from fabric_client.errors import FabricError
from fabric_client.gateway import Gateway
from fabric_client.profile import Profile
from ledger.errors import LedgerError
from ledger.fabric.ledger import FabricReader
from peer_operator.attesting import NAME, attester_daemon
from peer_operator.home import OperatorHome
from wire.joining import JoinKit
from wire.ledger import state_keys
from wire.ledger.names import CHAINCODE

T = TypeVar("T")
_CALL_SECONDS = 20
_DEFINITION_SECONDS = 120
_SERVING_SECONDS = 120
_CATCH_UP_SECONDS = 24 * 3600


class JoinedPeer(Processes):
    """One operator's peer, by its directory. Each step finds what an earlier run has done, however that one ended."""

    nothing = "no peer has joined from {root}: `fabric-network/join PORTAL CODE` does that"

    def __init__(self, home: OperatorHome, tools: FabricTools, say: Say) -> None:
        super().__init__(home.root, tools, say)
        self.home = home

    def process_names(self, described: Network) -> tuple[str, ...]:
        """Return what the peer's processes are called."""
        (server,), (node,) = described.of(NodeRole.CHAINCODE), described.of(NodeRole.PEER)
        return node.name, server_name(server, described.sequence), NAME

    def up(self, kit: JoinKit) -> int:
        """Start what does not run, join what is not joined, and return the height when the peer serves.

        :raises DeployError: when the network cannot be reached, or the peer does not start or serve.
        """
        places, described = self.places, self.network()
        places.stopped.unlink(missing_ok=True)
        (peer,) = described.of(NodeRole.PEER)
        self._fetch_channel(kit)
        self._start(peer_daemon(self._tools, places, described, peer, bootstrap=_of_own_organisation(kit)))
        self._say(f"the peer runs at {described.address(peer)}")
        join_peer(self._tools, places, described, peer)
        height = self._catch_up(kit, described, peer)
        before, described = described.sequence, self._with_definition(described)
        self._serve(described, peer)
        self.home.write_profile(kit, described)
        wait_for("the peer to serve", lambda: self._serves(kit), _SERVING_SECONDS)
        self._say(f"the peer serves {CHAINCODE}, definition {described.sequence}")
        if before != described.sequence:
            self.daemons.stop(server_name(described.of(NodeRole.CHAINCODE)[0], before))
        self._start(attester_daemon(self.home))
        self._say("the attester runs: each hour it signs what this peer has")
        return height

    def kit(self) -> JoinKit:
        """Return what the portal answered.

        :raises DeployError: when it has answered nothing yet.
        """
        kit = self.home.kit()
        if kit is None:
            raise DeployError(self.nothing.format(root=self.home.root))
        return kit

    def programs(self) -> list[Program]:
        """Return the peer, its chaincode server and the attester."""
        described, kit = self.network(), self.kit()
        (peer,), (server,) = described.of(NodeRole.PEER), described.of(NodeRole.CHAINCODE)
        return [
            peer_daemon(self._tools, self.places, described, peer, bootstrap=_of_own_organisation(kit)),
            chaincode_daemon(self.places, described, server, package(self.places, described).package_id),
            attester_daemon(self.home),
        ]

    def _start(self, daemon: Program) -> None:
        """Start it unless it runs; a `watch` beside this does not start it too."""
        with files.alone(self.home.root):
            self.daemons.start(daemon)

    def _fetch_channel(self, kit: JoinKit) -> None:
        if not self.places.channel_block.exists():
            block = self._asked(kit, lambda gateway: gateway.block(kit.channel, 0, seconds=_CALL_SECONDS))
            files.write(self.places.channel_block, block)

    def _asked(self, kit: JoinKit, question: Callable[[Gateway], T]) -> T:
        """Return what one of the peers that were there before answers."""
        try:
            with self.home.others(kit) as others:
                return others.ask(question)
        except FabricError as error:
            addresses = ", ".join(known.address for known in kit.peers)
            raise DeployError(f"no peer of the network answers ({addresses}): {error}. Run the same again") from error

    def _catch_up(self, kit: JoinKit, described: Network, peer: Node) -> int:
        wanted = self._asked(kit, lambda gateway: gateway.height(kit.channel, seconds=_CALL_SECONDS))
        said = -1

        def caught_up() -> bool:
            nonlocal said
            height = readiness.height(self.places, described, peer) or 0
            if height * 10 // wanted != said:
                said = height * 10 // wanted
                self._say(f"block {height} of {wanted}")
            return height >= wanted

        wait_for("the peer to catch up", caught_up, _CATCH_UP_SECONDS)
        return wanted

    def _with_definition(self, described: Network) -> Network:
        """Return the description with the chaincode's definition that is in force; an upgrade is noticed here."""
        lifecycle = Lifecycle(self._tools, self.places, described)
        sequence = wait_for("the chaincode's definition", lifecycle.committed, _DEFINITION_SECONDS)
        found = replace(described, sequence=sequence)
        network.save(self.places, found)
        return found

    def _serve(self, described: Network, peer: Node) -> None:
        (server,) = described.of(NodeRole.CHAINCODE)
        made = package(self.places, described)
        self._start(chaincode_daemon(self.places, described, server, made.package_id))
        Lifecycle(self._tools, self.places, described).install(made, (peer,))

    def _serves(self, kit: JoinKit) -> bool:
        try:
            with FabricReader(Profile.read(self.home.profile_file)) as ledger:
                return ledger.get(state_keys.genesis()) == kit.genesis
        except (LedgerError, FabricError):
            return False


def _of_own_organisation(kit: JoinKit) -> str:
    """Return a peer by which this one finds the others; none when its organisation has no other."""
    return next((known.address for known in kit.peers if known.tls_root_pem == kit.root_pem), "")
