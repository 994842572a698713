"""Approving and committing a definition goes on where orderers or peers cannot do it for a moment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.fabric.channel import lifecycle
from deploy.fabric.channel.lifecycle import Lifecycle
from deploy.fabric.network import PORTS, Network, Node, NodeRole, Places
from deploy.fabric.nodes.peers import CommandFailed
from deploy.fabric.tools import FabricTools

NODES = tuple(
    Node(name=f"{role}0.{name}", role=role, organisation=name, ports=dict.fromkeys(PORTS[role], 1))
    for name in ("controller", "peers")
    for role in (NodeRole.ORDERER, NodeRole.PEER)
)
NETWORK = Network(
    channel="c", host="127.0.0.1", max_transactions=1, timeout="1s", users={"controller": (), "peers": ()}, nodes=NODES
)
Answering = Callable[..., Lifecycle]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """What Fabric's command was asked, a line for each time."""
    return tmp_path / "calls"


@pytest.fixture
def failing(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """The chaincode of a network where Fabric's command fails the first time, with these words."""
    monkeypatch.setattr(lifecycle, "_PAUSE_SECONDS", 0)

    def made(words: str) -> Lifecycle:
        program = tmp_path / "peer"
        failure = f'test "$(wc -l < {calls})" -gt 1 || {{ echo "{words}" >&2; exit 1; }}'
        program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{failure}\n')
        program.chmod(0o755)
        return Lifecycle(FabricTools(directory=tmp_path), Places(root=tmp_path), NETWORK)

    return made


@pytest.mark.parametrize(
    "words",
    [
        "Error: got unexpected status: SERVICE_UNAVAILABLE -- no Raft leader",
        "Error: could not assemble transaction: ProposalResponsePayloads do not match",
    ],
)
def test_what_passes_by_itself_is_tried_again(failing: Answering, calls: Path, words: str) -> None:
    failing(words).commit()

    first, second = calls.read_text().splitlines()
    assert first == second
    assert first.startswith("lifecycle chaincode commit --peerAddresses 127.0.0.1:1")


def test_what_does_not_pass_is_told_at_once(failing: Answering, calls: Path) -> None:
    with pytest.raises(CommandFailed, match="requested sequence is 1"):
        failing("Error: requested sequence is 1, but new definition must be sequence 2").commit()

    assert len(calls.read_text().splitlines()) == 1
