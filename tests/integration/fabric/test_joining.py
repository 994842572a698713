"""docs/peer.md, followed on a real network: a third peer joins with a code, serves, attests, stops and goes on."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from deploy.fabric.tools import FabricTools
from deploy.paths import ROOT
from deploy.servers.ports import free_ports, is_free
from fabric_client.peers import PeerConnection
from fabric_client.profile import Profile
from fabric_client.proposals import propose
from ledger.arriving import blocks_between
from ledger.fabric.ledger import FabricLedger
from peer_operator.home import OperatorHome
from peer_operator.peer import JoinedPeer
from portal import composition
from portal.accounts.models import Account
from portal.peers import operations
from tests.support.fabric.network import BINARIES, FabricNetwork
from tests.support.fabric.proposals import call, complete
from tests.support.ledger import World
from tests.support.people import People
from tests.support.waiting import wait_for
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.clocks import EPOCH_MS
from wire.ledger.names import PROBE
from wire.ledger.operations import CheckpointEpoch, RegisterOperator
from wire.ledger.records import Attestation
from wire.signing import SigningKey

pytestmark = pytest.mark.django_db(transaction=True)
_TRANSACTIONS = 8
_PORTS = 7
COMMANDS = re.findall(r"^fabric-network/.*$", (ROOT / "docs/peer.md").read_text(), re.MULTILINE)


class Guide:
    """The operator's guide, and what its words stand for."""

    def __init__(self, data: Path, binaries: Path, **words: str) -> None:
        self.data = data
        self._binaries = binaries
        self._words = {"DIR": str(data), **words}

    def run(self, begins: str) -> subprocess.CompletedProcess[str]:
        """Run the guide's command that begins so."""
        line = next(command for command in COMMANDS if command.startswith(begins))
        words = [self._words.get(word, word) for word in line.split()]
        named = "join" if words[0].endswith("/join") else ""
        command = [sys.executable, "-P", "-m", "peer_operator", *filter(None, [named]), *words[1:]]
        return subprocess.run(
            [*command, "--binaries", str(self._binaries)],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


@pytest.fixture
def portal(
    fabric_network: FabricNetwork, live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, controller_keys: Path
) -> Iterator[str]:
    """The portal's address; its network and genesis are this network's."""
    (controller_keys / "genesis.json").write_text(fabric_network.places.genesis.read_text())
    profiles = fabric_network.root / "profiles"
    monkeypatch.setenv("CHAINFAAS_FABRIC_PROFILE", str(profiles / "controller-recorder.json"))
    monkeypatch.setenv("CHAINFAAS_FABRIC_REGISTRAR", str(profiles / "peers-registrar.json"))
    composition.registrar.cache_clear()
    yield live_server.url
    composition.registrar.cache_clear()


def ports_in_a_row() -> int | None:
    """Return the first of seven ports that are free, as the guide asks for; none when this try found none."""
    (first,) = free_ports(1)
    return first if all(is_free(port) for port in range(first, first + _PORTS)) else None


@pytest.fixture
def guide(portal: str, people: People, tmp_path: Path) -> Iterator[Guide]:
    """The guide for an approved peer, with a code; the peer ends with the test."""
    code = operations.create_join_code(people.peer, now=timezone.now()).text
    made = Guide(
        tmp_path / "peer",
        BINARIES,
        PORTAL=portal,
        CODE=code,
        HOST="127.0.0.1",
        PORT=str(wait_for("seven free ports in a row", ports_in_a_row, 30)),
    )
    yield made
    made.run("fabric-network/peer down")


def takes_in(world: World, operator: Account, key: SigningKey) -> None:
    arguments = RegisterOperator(operator_id=str(operator.id), public_key_pem=key.public.pem)
    assert world.enact(arguments) == "applied"


def checkpoints(world: World, ledger: FabricLedger) -> int:
    number, height = time.time_ns() // 1_000_000 // EPOCH_MS, ledger.height
    (newest,) = blocks_between(ledger, height - 1, height)
    arguments = CheckpointEpoch(epoch=number, block_number=newest.number, block_hash=newest.hash)
    assert world.do(arguments, name=f"{number}:{height}") == "applied"
    return number


def commits_through_every_gateway(network: FabricNetwork, home: OperatorHome) -> None:
    """Endorse by both organisations, by whichever peers a Gateway chooses; the operator's says that it has the code."""
    recorder = network.identity("controller", "recorder")
    (own,) = Profile.read(home.profile_file).endpoints()
    peers = [network.peer("controller", recorder), network.peer("peers", recorder), PeerConnection(own, recorder)]
    for peer in peers:
        for _ in range(_TRANSACTIONS):
            assert complete(peer.gateway, propose(recorder, call(function=PROBE))) > 0
        peer.channel.close()


def comes_back(peer: JoinedPeer) -> None:
    """What `peer watch` does each second, once every process of the peer was killed."""
    names = peer.process_names(peer.network())
    for name in names:
        assert peer.daemons.stop(name, kill=True)
    assert sorted(peer.start_missing()) == sorted(names)
    assert peer.start_missing() == []
    assert peer.down() == len(names)


@pytest.mark.timeout(300)
def test_an_operator_follows_the_guide(
    guide: Guide, people: People, world: World, ledger: FabricLedger, fabric_network: FabricNetwork
) -> None:
    joined = guide.run("fabric-network/join")
    assert joined.returncode == 0, joined.stdout + joined.stderr
    assert "the peer serves market" in joined.stdout
    home = OperatorHome(root=guide.data)
    private = [guide.data / f"{name}.pem" for name in ("operator", "peer", "tls")]
    assert {path.stat().st_mode & 0o777 for path in private} == {0o600}

    takes_in(world, people.peer, home.keys().operator)
    epoch = checkpoints(world, ledger)
    place = state_keys.attestation(epoch, str(people.peer.id))
    text = wait_for("the peer's attestation", lambda: ledger.get(place), 120)
    assert decode(Attestation, text).agrees

    def attested() -> bool:
        return "is attested" in guide.run("fabric-network/peer status").stdout

    wait_for("the attester to note it", attested, 60)
    commits_through_every_gateway(fabric_network, home)
    proved = guide.run("fabric-network/peer verify")
    assert (proved.returncode, "proved:" in proved.stdout) == (0, True), proved.stderr
    comes_back(JoinedPeer(home, FabricTools(directory=BINARIES), print))
    assert guide.run("fabric-network/peer down").returncode == 0
    down = guide.run("fabric-network/peer status")
    assert (down.returncode, "peer up" in down.stderr) == (1, True)
    again = guide.run("fabric-network/join")
    assert (again.returncode, "has joined before" in again.stdout) == (0, True), again.stderr
    assert "attester.standing" in guide.run("fabric-network/peer logs").stdout


def test_what_a_newcomer_is_refused_is_said_plainly(guide: Guide, portal: str) -> None:
    plain = Guide(guide.data, BINARIES, PORTAL="http://portal.example", CODE="0" * 20, HOST="h", PORT="0")
    strange = Guide(guide.data, BINARIES, PORTAL=portal, CODE="0" * 20, HOST="h", PORT="0")
    nobody = Guide(guide.data, BINARIES, PORTAL="http://127.0.0.1:9", CODE="0" * 20, HOST="h", PORT="0")

    unknown, silent, early = (
        strange.run("fabric-network/join"),
        nobody.run("fabric-network/join"),
        guide.run("fabric-network/peer up"),
    )

    assert "begins with https://" in plain.run("fabric-network/join").stderr
    assert "There is no such one-time code" in unknown.stderr
    assert "does not answer" in silent.stderr
    assert "no peer has joined from" in early.stderr
    assert {unknown.returncode, silent.returncode, early.returncode} == {1}
