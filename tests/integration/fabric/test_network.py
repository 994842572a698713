"""The network's own command: repeated, interrupted, extended, upgraded; and its plain messages."""

import re
import socket
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy import files
from deploy.fabric.identities.expiry import ending
from deploy.fabric.network import NodeRole
from deploy.fabric.readiness import height
from deploy.paths import FABRIC
from ledger.fabric.ledger import FabricLedger
from tests.support.fabric.certificates import certified_until
from tests.support.fabric.network import FabricNetwork, processes
from tests.support.ledger import World

#: All certificates of a new network end within it.
A_YEAR = timedelta(days=366)


def test_a_second_start_finds_everything_running(fabric_network: FabricNetwork) -> None:
    before = processes(fabric_network)

    again = fabric_network.command("up")

    assert again.returncode == 0, again.stderr
    assert "0 of them started now" in again.stdout
    assert processes(fabric_network) == before


def test_status_shows_every_process_and_fails_when_one_is_missing(fabric_network: FabricNetwork) -> None:
    whole = fabric_network.command("status")
    fabric_network.operator.daemons.stop("peer0.peers", kill=True)
    part = fabric_network.command("status")
    fabric_network.command("up")

    assert whole.returncode == 0
    assert whole.stdout.count("process") == len(fabric_network.network.nodes)
    assert part.returncode == 1
    assert "NOT RUNNING" in part.stdout
    assert "up` starts them" in part.stderr


def test_what_was_killed_is_started_again_and_nothing_is_lost(
    fabric_network: FabricNetwork, world: World, ledger: FabricLedger
) -> None:
    owned = world.owns("bob")
    for name in list(processes(fabric_network)):
        fabric_network.operator.daemons.stop(name, kill=True)

    started = fabric_network.command("up")

    assert started.returncode == 0
    ready = re.search(r"all peers have it, in block (\d+)", started.stdout)
    assert ready
    network = fabric_network.network
    for peer in network.of(NodeRole.PEER):
        assert (height(fabric_network.places, network, peer) or 0) > int(ready[1])
    assert world.owns("bob") == owned
    assert world.mint("bob", 1) == "applied"
    assert ledger.height > 0


def test_a_chaincode_server_that_is_killed_is_used_again_once_it_is_back(
    fabric_network: FabricNetwork, world: World
) -> None:
    name = f"chaincode.peers.{fabric_network.network.sequence}"
    fabric_network.operator.daemons.stop(name, kill=True)
    node = fabric_network.node(NodeRole.CHAINCODE, "peers")
    operator = fabric_network.operator
    operator.daemons.start(operator.daemon(fabric_network.network, node))

    assert world.mint("bob", 1) == "applied"


def test_an_upgrade_keeps_the_state(fabric_network: FabricNetwork, world: World, ledger: FabricLedger) -> None:
    before = dict(ledger.items(""))
    sequence = fabric_network.network.sequence

    upgraded = fabric_network.command("upgrade")

    assert upgraded.returncode == 0, upgraded.stderr
    assert fabric_network.network.sequence == sequence + 1
    assert dict(ledger.items("")) == before
    assert world.mint("bob", 1) == "applied"


def test_a_certificate_that_ends_soon_is_shown(fabric_network: FabricNetwork) -> None:
    soon = datetime.now(UTC) + timedelta(days=10)
    place = fabric_network.places.user("peers", "somebody") / "signcerts" / "cert.pem"
    assert "WARNING" not in fabric_network.command("status").stdout

    files.write(place, certified_until(fabric_network, fabric_network.identity("peers", "operator"), soon).certificate)

    shown = fabric_network.command("status").stdout
    place.unlink()
    assert f"WARNING: {place.relative_to(fabric_network.root)} ends on {soon:%Y-%m-%d}" in shown
    assert "network renew" in shown


@pytest.mark.timeout(300)
def test_all_certificates_are_renewed_for_the_same_keys(fabric_network: FabricNetwork, world: World) -> None:
    made = fabric_network.network
    homes = [fabric_network.places.node(node) for node in made.nodes]
    homes += [fabric_network.places.user(name, user) for name, users in made.users.items() for user in users]
    before = {item.path: item.path.read_bytes() for home in homes for item in ending(home, A_YEAR)}
    keys = {path: path.read_bytes() for path in fabric_network.root.rglob("key.pem")}

    renewed = fabric_network.command("renew", "--within", str(A_YEAR.days))

    assert renewed.returncode == 0, renewed.stderr
    assert len(before) > len(made.nodes)
    assert not [path for path, content in before.items() if path.read_bytes() == content]
    assert {path: path.read_bytes() for path in keys} == keys
    assert world.mint("bob", 1) == "applied"


def test_a_new_peer_catches_up_and_serves(fabric_network: FabricNetwork, world: World) -> None:
    added = fabric_network.command("add-peer", "peers")

    assert added.returncode == 0, added.stderr
    assert "peer1.peers serves at" in added.stdout
    assert world.mint("bob", 1) == "applied"
    refused = fabric_network.command("add-peer", "strangers")
    assert "there is no organisation strangers" in refused.stderr


def test_keys_are_readable_by_their_owner_only_and_none_lies_in_the_project(fabric_network: FabricNetwork) -> None:
    keys = [*fabric_network.root.rglob("key.pem"), *fabric_network.root.rglob("*.password")]

    assert keys
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in keys)
    assert not list(FABRIC.rglob("*.pem"))


def test_a_port_that_is_taken_is_named_with_a_way_out(tmp_path: Path) -> None:
    topology = tmp_path / "topology.toml"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = (FABRIC / "topology.toml").read_text()
        topology.write_text(text.replace("base_port = 17050", f"base_port = {port}"))
        refused = FabricNetwork(tmp_path / "network").command("up", "--small", "--topology", str(topology))

    assert refused.returncode == 1
    assert f"port {port}, which ca.controller needs, is in use" in refused.stderr
    assert "--free-ports" in refused.stderr


def test_programs_that_are_not_built_are_named_with_the_command_that_builds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.fabric.network.BINARIES", tmp_path)

    refused = FabricNetwork(tmp_path / "network").command("up")

    assert "fabric-network/network build" in refused.stderr


@pytest.mark.parametrize("program", ["go", "gcc"])
def test_building_without_a_compiler_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    other = tmp_path / "path"
    other.mkdir()
    if program == "gcc":
        (other / "go").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(other))
    monkeypatch.setattr("tests.support.fabric.network.BINARIES", tmp_path / "bin")

    refused = FabricNetwork(tmp_path / "network").command("build")

    assert f"{program} is not installed" in refused.stderr


def test_a_directory_that_holds_something_else_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "treasure").write_text("gold")

    refused = FabricNetwork(tmp_path).command("reset")

    assert "is left as it is" in refused.stderr
    assert (tmp_path / "treasure").exists()
