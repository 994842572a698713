"""A network is ready when all its peers have the block: one that is behind endorses something else than the others."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from deploy.fabric import readiness
from deploy.fabric.network import Network, Node, NodeRole, Places
from deploy.fabric.readiness import NotReadyYet, wait_for_peers

PEERS = tuple(
    Node(name=f"peer0.{name}", role=NodeRole.PEER, organisation=name, ports={}) for name in ("controller", "peers")
)
NETWORK = Network(channel="c", host="127.0.0.1", max_transactions=1, timeout="1s", users={}, nodes=PEERS)


def test_it_waits_for_the_last_peer() -> None:
    heights = {"controller": iter([8]), "peers": iter([None, 7, 8])}

    wait_for_peers(NETWORK, 7, lambda peer: next(heights[peer.organisation]), seconds=5)

    assert [list(rest) for rest in heights.values()] == [[], []]


def test_a_network_is_not_ready_before_all_peers_have_the_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    heights = {"controller": iter([8]), "peers": iter([7, 8])}
    monkeypatch.setattr(readiness, "connection", lambda _places, _network: nullcontext())
    monkeypatch.setattr(readiness, "execute", lambda _peers, _network, _function: 7)
    monkeypatch.setattr(readiness, "height", lambda _places, _network, peer: next(heights[peer.organisation]))

    assert readiness.wait_ready(Places(root=Path()), NETWORK) == 7

    assert [list(rest) for rest in heights.values()] == [[], []]


def test_a_new_peer_catches_up_with_another_one_that_does_not_answer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heights = {"controller": iter([None, 7]), "peers": iter([3, 7])}
    monkeypatch.setattr(readiness, "height", lambda _places, _network, peer: next(heights[peer.organisation]))
    said: list[str] = []

    readiness.wait_for_height(Places(root=Path()), NETWORK, PEERS[1], said.append)

    assert said == ["peer0.peers catches up to block 7"]
    assert [list(rest) for rest in heights.values()] == [[], []]


def test_it_names_the_peers_that_stay_behind() -> None:
    heights: dict[str, int | None] = {"controller": 8, "peers": 7}

    with pytest.raises(NotReadyYet, match=r"block 7 for 0 s: peer0\.peers"):
        wait_for_peers(NETWORK, 7, lambda peer: heights[peer.organisation], seconds=0)
