"""Recorder and follower on a real Fabric network: real processes, killed and started again."""

import secrets
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from ledger.fabric.ledger import FabricLedger
from tests.support.fabric.network import FabricNetwork, running_network
from tests.support.outbox.ledger_process import Driver, LedgerInstallation
from tests.support.waiting import wait_for
from wire.codec import decode
from wire.ledger.records import JobRecord
from wire.ledger.states import JobRecordState

JOBS = 60
KILLS = 3
#: Of each job, and what the driver does before: accounts, provider, version.
PER_JOB = 3


def profiled(installation: LedgerInstallation, network: FabricNetwork) -> LedgerInstallation:
    profile = network.root / "profiles" / "controller-recorder.json"
    return replace(installation, environment={**installation.environment, "CHAINFAAS_FABRIC_PROFILE": str(profile)})


def paid(installation: LedgerInstallation) -> int:
    return installation.confirmations().get("committed", 0)


def _grew(installation: LedgerInstallation, before: int) -> bool:
    return paid(installation) > before


def _all_paid(installation: LedgerInstallation) -> bool:
    return installation.confirmations() == {"committed": JOBS}


def _states(ledger: FabricLedger) -> list[JobRecordState]:
    return [decode(JobRecord, value).state for _, value in ledger.items("job~")]


def _kill_under_load(installation: LedgerInstallation, driver: Driver) -> None:
    before = paid(installation)
    with installation.ledger_process() as running:
        driver.jobs(JOBS // KILLS)
        wait_for("something more to be paid", partial(_grew, installation, before), 60)
        running.process.kill()


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("fabric_programs")
def test_jobs_of_the_outbox_are_paid_once_though_the_recorder_is_killed(tmp_path: Path) -> None:
    made = LedgerInstallation.make(tmp_path, database_url=f"sqlite:///{tmp_path / 'portal.sqlite3'}")
    genesis = (tmp_path / "keys" / "genesis.json").read_text()
    with running_network(tmp_path / f"network-{secrets.token_hex(2)}", "--small", genesis=genesis) as network:
        installation = profiled(made, network)
        with installation.driver() as driver:
            for _ in range(KILLS):
                _kill_under_load(installation, driver)
        with installation.ledger_process() as running:
            wait_for("all jobs to be paid", partial(_all_paid, installation), 60)
            with network.ledger() as ledger:
                # A peer delivers a block some moments before its own state has it.
                wait_for("the jobs on the ledger", lambda: _states(ledger) == [JobRecordState.SETTLED] * JOBS, 60)
            found = installation.answer("reconcile")
            assert running.terminate() == 0

        assert (found["clean"], found["drift_micro"]) == (True, 0)
        assert installation.answer("verify")["operations"] >= JOBS * PER_JOB
        rebuilt = installation.manage("ledger", "rebuild")
        assert "rebuilt from" in rebuilt.stdout
        assert installation.answer("reconcile")["clean"]
