"""The chaincode's life on the channel: installed on each peer, approved by each organisation, committed once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from deploy.fabric.channel.package import Package
from deploy.fabric.network import Network, Node, NodeRole, Places
from deploy.fabric.nodes.chaincode import tell_peer
from deploy.fabric.nodes.peers import CommandFailed, PeerCommand, orderer_options
from deploy.fabric.tools import FabricTools
from wire.ledger.names import CHAINCODE

_THREADS = 4
#: What passes by itself: the orderers elect a leader; a peer is a block behind another and endorses something else.
_NOT_YET = ("SERVICE_UNAVAILABLE", "ProposalResponsePayloads do not match")
_PATIENCE_SECONDS, _PAUSE_SECONDS = 60, 0.5


class Lifecycle:
    """The chaincode on one network's channel."""

    def __init__(self, tools: FabricTools, places: Places, network: Network) -> None:
        self._tools = tools
        self._places = places
        self._network = network

    def committed(self) -> int:
        """Return the sequence of the definition that is in force; 0 when there is none."""
        try:
            said = self._command(self._network.of(NodeRole.PEER)[0]).run(
                "lifecycle", "chaincode", "querycommitted", *self._channel(), "--output", "json"
            )
        except CommandFailed as error:
            if "not defined" in str(error):
                return 0
            raise
        plain: Any = json.loads(said)
        return int(plain["sequence"])

    def install(self, package: Package, peers: tuple[Node, ...]) -> None:
        """Install a package on peers; where it is installed it stays."""
        with ThreadPoolExecutor(_THREADS) as pool:
            # A list: it raises what one of them raised.
            list(pool.map(lambda peer: self._install(package, peer), peers))

    def approve(self, package: Package) -> None:
        """Let each organisation approve the definition."""
        for organisation in self._network.organisations:
            peer = self._network.of(NodeRole.PEER, organisation)[0]
            arguments = ("approveformyorg", "--package-id", package.package_id)
            self._order(peer, *arguments, harmless="with unchanged content")

    def commit(self) -> None:
        """Put the approved definition in force."""
        peers = [self._network.of(NodeRole.PEER, name)[0] for name in self._network.organisations]
        endorsers = [
            part
            for peer in peers
            for part in (
                *("--peerAddresses", self._network.address(peer)),
                *("--tlsRootCertFiles", self._places.ca_root(peer.organisation).resolve()),
            )
        ]
        self._order(peers[0], "commit", *endorsers)

    def _order(self, peer: Node, *arguments: object, harmless: str = "") -> None:
        """Run a command whose outcome goes to the orderers; again while they, or a peer, cannot do it yet."""
        command, end = self._command(peer), time.monotonic() + _PATIENCE_SECONDS
        to_orderer = orderer_options(self._places, self._network)
        sequence = str(self._network.sequence)
        definition = ("--version", sequence, "--sequence", sequence)
        words = ("lifecycle", "chaincode", *arguments, *to_orderer, *self._channel(), *definition)
        while True:
            try:
                command.run(*words, harmless=harmless)
            except CommandFailed as error:
                if not any(part in str(error) for part in _NOT_YET) or time.monotonic() >= end:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return

    def _install(self, package: Package, peer: Node) -> None:
        tell_peer(self._places, self._network, peer, package.label)
        self._command(peer).run(
            "lifecycle", "chaincode", "install", package.path, harmless="already successfully installed"
        )

    def _command(self, peer: Node) -> PeerCommand:
        return PeerCommand(self._tools, self._places, self._network, peer)

    def _channel(self) -> tuple[str, ...]:
        return ("--channelID", self._network.channel, "--name", CHAINCODE)
