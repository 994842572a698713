"""What an operator does with a network: make and start it, look at it, extend it, upgrade its chaincode, stop it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy import files
from deploy.errors import DeployError
from deploy.fabric import network as networks
from deploy.fabric import readiness
from deploy.fabric.channel.configuration import make_channel_block
from deploy.fabric.channel.lifecycle import Lifecycle
from deploy.fabric.channel.membership import join, join_peer
from deploy.fabric.channel.package import Package, package
from deploy.fabric.channel.revocation import publish, revoke
from deploy.fabric.identities.authority import authority_daemon
from deploy.fabric.identities.enrolment import ADMINISTRATOR, CaEnrolment
from deploy.fabric.network import PORTS, Network, Node, NodeRole
from deploy.fabric.nodes.chaincode import chaincode_daemon, server_name
from deploy.fabric.nodes.orderers import orderer_daemon
from deploy.fabric.nodes.peers import peer_daemon
from deploy.fabric.profiles import write_profiles
from deploy.fabric.supervision import Processes
from deploy.servers.process import Program
from wire.ledger.genesis import BadGenesis, Genesis

Say = Callable[[str], None]


class NetworkOperator(Processes):
    """One network, by its directory."""

    nothing = "there is no network in {root}: `fabric-network/network up` makes one"

    def up(self, planned: Callable[[], Network], genesis: Path | None) -> None:
        """Make the network if there is none, start what does not run, and return when it commits transactions.

        Each step finds what an earlier run has done, however that one ended.
        """
        for program in ("peer", "orderer", "fabric-ca-server"):
            self._tools.path(program)
        network = networks.load(self.places)
        if network is None:
            network = planned()
            networks.save(self.places, network)
        with files.alone(self.places.root):
            self._up(network)
        if genesis is not None:
            self.begin(genesis)

    def _up(self, network: Network) -> None:
        self.places.stopped.unlink(missing_ok=True)
        self._say(f"{len(network.nodes)} nodes of {len(network.organisations)} organisations in {self.places.root}")
        self._start(network, NodeRole.CA)
        self._enrol(network)
        make_channel_block(self._tools, self.places, network)
        started = self._start(network, NodeRole.ORDERER, NodeRole.PEER)
        self._say(f"orderers and peers run ({len(started)} of them started now)")
        join(self._tools, self.places, network)
        self._say("orderers and peers have joined the channel")
        self._deploy(network)
        block = readiness.wait_ready(self.places, network)
        self._say(f"ready: every organisation endorsed a transaction, and all peers have it, in block {block}")
        write_profiles(self.places, network)

    def begin(self, path: Path) -> None:
        """Let all organisations agree to a genesis, and begin the ledger with it; harmless when it has begun so.

        :raises DeployError: when it began with another.
        """
        network = self.network()
        try:
            genesis = Genesis.parse(path.read_text())
        except (OSError, BadGenesis) as error:
            raise DeployError(f"{path}: {error}") from error
        if not self.places.genesis.exists():
            files.write(self.places.genesis, genesis.text().encode())
        began = readiness.begin_ledger(self.places, network, genesis.text())
        self._say("the ledger begins" if began else "the ledger has begun with this genesis")

    def upgrade(self) -> int:
        """Put a new definition of the chaincode, served by the code as it is now, in the place of the old one.

        The state stays; transactions go on meanwhile. Return the definition's number.
        """
        old = self.network()
        network = replace(old, sequence=old.sequence + 1)
        with files.alone(self.places.root):
            made, lifecycle = self._serve(network)
            lifecycle.approve(made)
            if lifecycle.committed() < network.sequence:
                lifecycle.commit()
            networks.save(self.places, network)
            readiness.wait_ready(self.places, network)
            for server in old.of(NodeRole.CHAINCODE):
                self.daemons.stop(server_name(server, old.sequence))
        return network.sequence

    def add_peer(self, organisation: str, ports_from: Callable[[int], list[int]]) -> Node:
        """Add a peer to an organisation, and return it when it has caught up.

        :raises DeployError: when there is no such organisation.
        """
        old = self.network()
        self._check_organisation(old, organisation)
        network, peer = networks.with_peer(old, organisation, ports_from(len(PORTS[NodeRole.PEER])))
        with files.alone(self.places.root):
            with CaEnrolment(self.places, network, organisation) as enrolment:
                enrolment.node(peer)
            networks.save(self.places, network)
            self.daemons.start(self.daemon(network, peer))
            join_peer(self._tools, self.places, network, peer)
            Lifecycle(self._tools, self.places, network).install(package(self.places, network), (peer,))
            readiness.wait_for_height(self.places, network, peer, self._say)
            write_profiles(self.places, network)
        return peer

    def renew(self, within: timedelta) -> None:
        """Replace all certificates that end within a time, and let each process take its own, one after the other."""
        network = self.network()
        with files.alone(self.places.root):
            for authority in network.of(NodeRole.CA):
                # Its server makes a new one as it starts.
                (self.places.node(authority) / "tls-cert.pem").unlink(missing_ok=True)
                self._restart(network, authority)
            self._enrol(network, datetime.now(UTC) + within)
            for node in network.of(NodeRole.ORDERER) + network.of(NodeRole.PEER):
                self._restart(network, node)
                readiness.wait_ready(self.places, network)
                self._say(f"{node.name} runs with its new certificate")
        # Its servers take theirs, and the peers what they show to them.
        self.upgrade()

    def _restart(self, network: Network, node: Node) -> None:
        self.daemons.stop(node.name)
        self.daemons.start(self.daemon(network, node))

    def revoke(self, organisation: str, name: str) -> int:
        """Take all certificates of a name out of force; return how many the organisation has revoked."""
        network = self.network()
        self._check_organisation(network, organisation)
        return revoke(self._tools, self.places, network, organisation, name)

    def publish_revocations(self) -> dict[str, int]:
        """Put on the channel what each organisation's CA has revoked; return how many certificates that are."""
        network = self.network()
        return {name: publish(self._tools, self.places, network, name) for name in network.organisations}

    def programs(self) -> list[Program]:
        """Return the network's nodes as processes."""
        network = self.network()
        return [self.daemon(network, node) for node in network.nodes]

    def reset(self) -> None:
        """Stop everything and remove all data and keys.

        :raises DeployError: when the directory holds something else.
        """
        self.down()
        root, described = self.places.root, self.places.root / networks.FILE
        if root.exists():
            if any(root.iterdir()) and not described.exists():
                raise DeployError(f"{root} holds no network: it is left as it is")
            with files.alone(root):
                # What says that nothing is to run goes last, for a `watch` may look meanwhile.
                for path in set(root.iterdir()) - {described, self.places.stopped}:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                described.unlink(missing_ok=True)
                shutil.rmtree(root)

    def daemon(self, network: Network, node: Node) -> Program:
        """Return a node as a process."""
        if node.role is NodeRole.CHAINCODE:
            return chaincode_daemon(self.places, network, node, package(self.places, network).package_id)
        make = {NodeRole.CA: authority_daemon, NodeRole.ORDERER: orderer_daemon, NodeRole.PEER: peer_daemon}[node.role]
        return make(self._tools, self.places, network, node)

    @staticmethod
    def _check_organisation(network: Network, organisation: str) -> None:
        if organisation not in network.organisations:
            raise DeployError(f"there is no organisation {organisation}: {', '.join(network.organisations)}")

    def _enrol(self, network: Network, until: datetime | None = None) -> None:
        for organisation in network.organisations:
            with CaEnrolment(self.places, network, organisation, until=until) as enrolment:
                enrolment.everybody((ADMINISTRATOR, *network.users[organisation]))
        self._say("the CAs run; every node and operator has its certificate")

    def _start(self, network: Network, *roles: NodeRole) -> list[str]:
        """Start the nodes of some roles, and return the names of those that did not run."""
        return self.daemons.start(*(self.daemon(network, node) for role in roles for node in network.of(role)))

    def _serve(self, network: Network) -> tuple[Package, Lifecycle]:
        """Start the servers of the chaincode's definition, and tell the peers."""
        made, lifecycle = package(self.places, network), Lifecycle(self._tools, self.places, network)
        self._start(network, NodeRole.CHAINCODE)
        lifecycle.install(made, network.of(NodeRole.PEER))
        return made, lifecycle

    def _deploy(self, network: Network) -> None:
        made, lifecycle = self._serve(network)
        if lifecycle.committed() < network.sequence:
            lifecycle.approve(made)
            lifecycle.commit()
        self._say(f"the chaincode runs: {made.label}")
