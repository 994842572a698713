"""Anybody with the ledger's file can prove it; one changed byte is found, and the block is named."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.function import NAME, publish, push_demo_image
from deploy.fabric.network import Node, NodeRole
from deploy.fabric.operator import NetworkOperator
from deploy.fabric.readiness import height
from deploy.paths import ROOT
from tests.acceptance.town import Town
from tests.support.waiting import wait_for

#: The first of them starts a marketplace within its own time.
pytestmark = pytest.mark.timeout(300)


def _verify(town: Town, **changes: str) -> "subprocess.CompletedProcess[str]":
    settings = {**os.environ, **town.market.controller.settings, **changes}
    return subprocess.run(
        [sys.executable, "manage.py", "ledger", "verify"],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def _copy(town: Town, directory: Path) -> Path:
    """Return a copy of the ledger, taken while it is written to."""
    target = directory / "copy.sqlite3"
    with sqlite3.connect(f"file:{town.market.layout.ledger_file}?mode=ro", uri=True) as source:
        copy = sqlite3.connect(target)
        source.backup(copy)
        copy.close()
    source.close()
    return target


def _paid(town: Town) -> tuple[Mapping[str, Any], int]:
    """Return the record of a job that is paid, and the number of the block that says so."""
    publish(town.developer, push_demo_image(town.market))
    job = town.settled(town.call(NAME, b"to be paid").job_id)
    events = town.developer.get(f"ledger/jobs/{job['job_id']}")["events"]
    return job, next(event["block_number"] for event in events if event["name"].startswith("job.settled"))


@pytest.mark.parametrize("ledger", ["embedded"], indirect=True)
def test_the_ledger_is_proved_and_a_changed_cost_is_found_with_its_block(town: Town, tmp_path: Path) -> None:
    job, block = _paid(town)
    copy = _copy(town, tmp_path)
    assert _verify(town, CHAINFAAS_LEDGER_FILE=str(copy)).returncode == 0

    forged = tmp_path / "forged.sqlite3"
    shutil.copy(copy, forged)
    _forge_cost(forged, block, paid=job["cost_micro"])

    found = _verify(town, CHAINFAAS_LEDGER_FILE=str(forged))
    assert found.returncode == 2
    assert f"block {block}" in found.stderr


@pytest.mark.parametrize("ledger", ["fabric"], indirect=True)
def test_a_cost_that_a_peers_operator_changed_in_its_blocks_is_found_with_its_block(town: Town) -> None:
    job, block = _paid(town)
    assert _verify(town).returncode == 0
    assert town.market.fabric
    operator = town.market.fabric.operator
    network = operator.network()
    peer = network.of(NodeRole.PEER, "controller")[0]
    files = operator.places.node(peer) / "ledger" / "ledgersData" / "chains" / "chains" / network.channel

    paid = b'"cost_micro":%d' % job["cost_micro"]
    other = paid[:-1] + (b"1" if paid.endswith(b"0") else b"0")
    blocks = files / "blockfile_000000"

    with town.without_recorder():
        _restart(operator, peer, after=lambda: _replace(blocks, paid, other))
        found = _verify(town)
        _restart(operator, peer, after=lambda: _replace(blocks, other, paid))

    assert found.returncode == 2
    assert f"block {block}" in found.stderr
    assert _verify(town).returncode == 0


def _restart(operator: NetworkOperator, peer: Node, *, after: Callable[[], None]) -> None:
    operator.daemons.stop(peer.name)
    after()
    network = operator.network()
    operator.daemons.start(operator.daemon(network, peer))
    # Its port is open before it serves: who asks it then may give up, and ask the other organisation's peer.
    wait_for("the peer to answer", lambda: height(operator.places, network, peer), 60)


def _replace(file: Path, old: bytes, new: bytes) -> None:
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new))


def _forge_cost(ledger: Path, block: int, *, paid: int) -> None:
    """Change what was paid wherever the block says it, as somebody with the file could."""
    connection = sqlite3.connect(ledger)
    with connection:
        changed = connection.execute(
            "UPDATE block_transaction SET writes = replace(writes, :old, :new), events = replace(events, :old, :new) "
            "WHERE block = :block",
            {"old": f"{paid}", "new": f"{paid + 1}", "block": block},
        )
    assert changed.rowcount == 1
    connection.close()
