"""Anybody with the ledger's file can prove it; one changed byte is found, and the block is named."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from deploy.demo.function import NAME, publish, push_demo_image
from deploy.marketplace.controller import ROOT
from tests.acceptance.town import Town


def _verify(town: Town, ledger: Path) -> "subprocess.CompletedProcess[str]":
    settings = {**os.environ, **town.market.controller.settings, "CHAINFAAS_LEDGER_FILE": str(ledger)}
    return subprocess.run(
        [sys.executable, "manage.py", "ledger", "verify"],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
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


def test_the_ledger_is_proved_and_a_changed_cost_is_found_with_its_block(town: Town, tmp_path: Path) -> None:
    publish(town.developer, push_demo_image(town.market))
    job = town.settled(town.call(NAME, b"to be paid").job_id)
    events = town.developer.get(f"ledger/jobs/{job['job_id']}")["events"]
    block = next(event["block_number"] for event in events if event["name"].startswith("job.settled"))
    copy = _copy(town, tmp_path)
    assert _verify(town, copy).returncode == 0

    forged = tmp_path / "forged.sqlite3"
    shutil.copy(copy, forged)
    _forge_cost(forged, block, paid=job["cost_micro"])

    found = _verify(town, forged)
    assert found.returncode == 2
    assert f"block {block}" in found.stderr


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
