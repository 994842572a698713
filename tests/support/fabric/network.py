"""A real Fabric network for tests: made once a session by the project's own command; and `World`'s ledger on it."""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from deploy.fabric.network import Network, Node, NodeRole, Places, msp_id
from deploy.fabric.nodes.chaincode import server_address
from deploy.fabric.operator import NetworkOperator
from deploy.fabric.profiles import profile
from deploy.fabric.tools import FabricTools
from deploy.paths import FABRIC_BINARIES, ROOT
from deploy.servers.marks import marks
from fabric_client.identity import Identity
from fabric_client.peers import PeerConnection, PeerEndpoint
from ledger.errors import LedgerError, Retry
from ledger.fabric.ledger import FabricLedger
from tests.support.embedded import signed, signing_key
from tests.support.ledger import KEYS
from tests.support.servers import untested
from wire.ledger.blocks import TransactionBody, TransactionRecord
from wire.signing import SigningKey

GENESIS = KEYS.genesis().text()
BINARIES = Path(os.environ.get("CHAINFAAS_TEST_FABRICBINARIES", FABRIC_BINARIES))
_PATIENCE_SECONDS = 60


class FabricNetwork:
    """A network that runs, and who may use it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.places = Places(root=root)
        self.operator = NetworkOperator(root, FabricTools(directory=BINARIES), lambda _: None)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `fabric-network/network` on it."""
        return subprocess.run(
            self.words(*arguments),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def words(self, *arguments: str) -> list[str]:
        """Return the words of the command; it runs in the project's directory."""
        options = ["--data", str(self.root), "--binaries", str(BINARIES)]
        return [sys.executable, "-m", "deploy.fabric", *options, *arguments]

    @property
    def network(self) -> Network:
        """What it consists of."""
        return self.operator.network()

    def ledger(self, organisation: str = "controller", user: str = "recorder") -> FabricLedger:
        """Return the ledger as a user of an organisation has it."""
        return FabricLedger(profile(self.places, self.network, organisation, user))

    def identity(self, organisation: str, user: str) -> Identity:
        """Return a user's identity."""
        return Identity.read(msp_id(organisation), self.places.user(organisation, user))

    def peer(self, organisation: str, identity: Identity) -> PeerConnection:
        """Return a connection to an organisation's first peer."""
        node = self.node(NodeRole.PEER, organisation)
        endpoint = PeerEndpoint(
            address=self.network.address(node), tls_root=self.places.ca_root(organisation).read_bytes()
        )
        return PeerConnection(endpoint, identity)

    def node(self, role: NodeRole, organisation: str) -> Node:
        """Return an organisation's first node of a role."""
        return self.network.of(role, organisation)[0]


@contextmanager
def running_network(root: Path, *options: str, genesis: str = GENESIS) -> Iterator[FabricNetwork]:
    """Yield a network in a directory; it ends with the block, and with this process however that ends."""
    guard = subprocess.Popen(
        [sys.executable, "-m", "deploy.servers.guard", str(root)],
        cwd=ROOT,
        env={**os.environ, **marks(root.parent, "guard")},
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    made = FabricNetwork(root)
    try:
        built = made.command("build")
        assert built.returncode == 0, built.stderr
        path = root.parent / f"{root.name}.genesis.json"
        path.write_text(genesis)
        started = made.command("up", "--free-ports", "--genesis", str(path), *options)
        assert started.returncode == 0, started.stdout + started.stderr
        yield made
    finally:
        made.operator.down()
        assert guard.stdin
        guard.stdin.close()
        guard.wait(60)


@pytest.fixture(scope="session")
def fabric_programs() -> None:
    """Fabric's programs, or the means to build them; skips at a desk without Go, fails so in CI."""
    missing = [program for program in ("go", "gcc") if shutil.which(program) is None]
    if missing and not (BINARIES / "peer").exists():
        untested(f"Fabric's programs cannot be built without {' and '.join(missing)}")


@pytest.fixture(scope="session")
def fabric_network(fabric_programs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FabricNetwork]:  # noqa: ARG001 - programs first
    """The smallest network, with a ledger that begins with `KEYS`."""
    with running_network(tmp_path_factory.mktemp("fabric") / "network", "--small") as network:
        yield network


class OnFabric:
    """`World`'s operations as transactions of a Fabric network, at the network's own time."""

    def __init__(self, ledger: FabricLedger) -> None:
        self.ledger = ledger

    def run(self, creator: str, _timestamp_ms: int, operations: Sequence[str]) -> TransactionRecord:
        """Commit one transaction."""
        return committed(self.ledger, signing_key(creator), operations)

    def items(self, prefix: str) -> list[tuple[str, str]]:
        """Return keys and values."""
        return list(self.ledger.items(prefix))


def committed(
    ledger: FabricLedger,
    key: SigningKey,
    operations: Sequence[str],
    *,
    failed: Callable[[LedgerError], object] = lambda _: None,
) -> TransactionRecord:
    """Submit operations until they are committed, as who uses the network has to; `failed` hears of each other try.

    What did not happen goes out again in a new transaction, what may have happened in the same one.
    """
    envelope, end = transaction(key, operations), time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ledger.submit(envelope)
        except LedgerError as error:
            if error.retry is Retry.NEVER or time.monotonic() > end:
                raise
            failed(error)
            if error.retry is Retry.NEW_TRANSACTION:
                envelope = transaction(key, operations)


def transaction(key: SigningKey, operations: Sequence[str], **changes: Any) -> str:
    """Return a transaction of now as its submitter sends it."""
    values = {"transaction_id": uuid.uuid4().hex, "timestamp_ms": time.time_ns() // 1_000_000, **changes}
    return signed(TransactionBody(operations=tuple(operations), **values), key)


def processes(network: FabricNetwork) -> dict[str, int]:
    """Return the network's processes by name."""
    return network.operator.daemons.running()


def health(network: FabricNetwork, organisation: str) -> dict[str, Any]:
    """Return the health of an organisation's chaincode server."""
    node = network.node(NodeRole.CHAINCODE, organisation)
    port = node.ports["health" if network.network.sequence % 2 else "health_next"]
    answer: dict[str, Any] = json.loads(httpx.get(f"http://{network.network.host}:{port}/healthz", timeout=30).text)
    return answer


def connects_to_chaincode(network: FabricNetwork, organisation: str, member: Identity | None = None) -> bool:
    """Return whether a member, without one somebody without a certificate, opens a stream to a chaincode server."""
    pair = {"private_key": member.key.to_pem(), "certificate_chain": member.certificate} if member else {}
    root = network.places.ca_root(organisation).read_bytes()
    credentials = grpc.ssl_channel_credentials(root, **pair)
    address = server_address(network.network, network.node(NodeRole.CHAINCODE, organisation))
    with grpc.secure_channel(address, credentials) as channel:
        connect: Any = channel.stream_stream("/protos.Chaincode/Connect")
        try:
            return bool(next(connect(iter(()), timeout=30)))
        except grpc.RpcError:
            return False
