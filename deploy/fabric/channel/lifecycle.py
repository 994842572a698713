"""The chaincode's life on the channel: installed on each peer, approved by each organisation, committed once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chaincode.fabric.names import CHAINCODE
from deploy.fabric.channel.package import Package
from deploy.fabric.network import Network, Node, Places, Role
from deploy.fabric.nodes.chaincode import tell_peer
from deploy.fabric.nodes.peers import CommandFailed, PeerCommand
from deploy.fabric.tools import Tools

_THREADS = 4


class Lifecycle:
    """The chaincode on one network's channel."""

    def __init__(self, tools: Tools, places: Places, network: Network) -> None:
        self._tools = tools
        self._places = places
        self._network = network

    def committed(self) -> int:
        """Return the sequence of the definition that is in force; 0 when there is none."""
        try:
            said = self._command(self._network.of(Role.PEER)[0]).run(
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
            for _ in pool.map(lambda peer: self._install(package, peer), peers):
                pass

    def approve(self, package: Package) -> None:
        """Let each organisation approve the definition."""
        for organisation in self._network.organisations:
            peer = self._network.of(Role.PEER, organisation)[0]
            self._command(peer).run(
                *("lifecycle", "chaincode", "approveformyorg"),
                *(*self._orderer(), *self._channel(), *self._definition(), "--package-id", package.package_id),
                harmless="with unchanged content",
            )

    def commit(self) -> None:
        """Put the approved definition in force."""
        peers = [self._network.of(Role.PEER, name)[0] for name in self._network.organisations]
        endorsers = [
            part
            for peer in peers
            for part in (
                *("--peerAddresses", self._network.address(peer)),
                *("--tlsRootCertFiles", self._places.ca_root(peer.organisation).resolve()),
            )
        ]
        arguments = (*self._orderer(), *self._channel(), *self._definition(), *endorsers)
        self._command(peers[0]).run("lifecycle", "chaincode", "commit", *arguments)

    def _install(self, package: Package, peer: Node) -> None:
        tell_peer(self._places, self._network, peer, package.label)
        self._command(peer).run(
            "lifecycle", "chaincode", "install", package.path, harmless="already successfully installed"
        )

    def _command(self, peer: Node) -> PeerCommand:
        return PeerCommand(self._tools, self._places, self._network, peer)

    def _channel(self) -> tuple[str, ...]:
        return ("--channelID", self._network.channel, "--name", CHAINCODE)

    def _definition(self) -> tuple[str, ...]:
        sequence = str(self._network.sequence)
        return ("--version", sequence, "--sequence", sequence)

    def _orderer(self) -> tuple[object, ...]:
        orderer = self._network.of(Role.ORDERER)[0]
        root = self._places.ca_root(orderer.organisation).resolve()
        return ("-o", self._network.address(orderer), "--tls", "--cafile", root)
