"""The controller disappears with everything that it ran and knew: what it owes is claimed and paid all the same."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.fabric.network import Places
from deploy.fabric.profiles import profile_file
from deploy.paths import ROOT
from fabric_client.profile import Profile
from ledger.fabric.ledger import FabricReader
from provider_agent.claims.evidence import EvidenceStore
from tests.acceptance.conftest import Towns
from tests.acceptance.town import Town
from tests.support.waiting import wait_for
from wire.codec import decode
from wire.ledger import state_keys
from wire.ledger.records import Delta, JobRecord
from wire.ledger.states import JobRecordState

_FUNCTION = "late-shout"
_SLOW = "import sys, time; given = sys.stdin.read(); time.sleep(4); print(given.upper(), end='')"


def _reader(town: Town) -> FabricReader:
    """Return the ledger as an operator of the other organisation sees it on its own peer."""
    assert town.market.fabric
    return FabricReader(Profile.read(profile_file(Places(root=town.market.fabric.root), "peers", "operator")))


def _newest_job(town: Town) -> tuple[str, str]:
    """Return the newest call's job and its provider; empty when there is none."""
    calls = [item for item in town.developer.get("invocations")["results"] if item["function"] == _FUNCTION]
    jobs = town.invocation(calls[0]["id"])["jobs"] if calls else []
    return (jobs[-1]["id"], jobs[-1]["provider"]) if jobs else ("", "")


def _credits(reader: FabricReader, account_id: str) -> int:
    return sum(decode(Delta, value).amount for _, value in reader.items(state_keys.delta_prefix(account_id)))


def _destroy(town: Town) -> None:
    """Kill portal, scheduler, signers, broker, registry and agents at once, and take the database away."""
    for running in town.market.supervisor.started:
        running.kill()
    database = town.market.layout.sqlite_file
    for file in database.parent.glob(f"{database.name}*"):
        file.unlink()


def _agent(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "provider_agent", *words, f"--home={home}"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("ledger", ["fabric"], indirect=True)
@pytest.mark.timeout(300)
def test_a_provider_is_paid_by_the_peers_alone(towns: Towns, town: Town) -> None:
    town.publish_program(_FUNCTION, _SLOW)
    with _reader(town) as reader, ThreadPoolExecutor(1) as caller:
        call = caller.submit(town.call, _FUNCTION, b"does anybody pay me?")
        wait_for("the job", lambda: call.done() or any(_newest_job(town)), 60)
        job_id, provider = _newest_job(town)
        wait_for("the job on the ledger", lambda: reader.get(state_keys.job(job_id)), 60)
        next(item for item in town.market.supervisor.started if item.program.name == "ledger").kill()
        assert call.result(timeout=90).body == b"DOES ANYBODY PAY ME?"
        home = town.machines[provider].home
        evidence = EvidenceStore(home / "journal.sqlite3")
        wait_for("the acknowledgement", lambda: (found := evidence.of(job_id)) and found.acknowledgement, 60)
        owed = decode(JobRecord, reader.get(state_keys.job(job_id)) or "")
        before = _credits(reader, owed.account_id)

        _destroy(town)
        claimed, again = _agent(home, "claim", job_id), _agent(home, "claim", job_id)

        assert claimed.stdout == f"{job_id}  paid\n", claimed.stderr
        assert again.stdout == f"{job_id}  done before: paid\n"
        assert _agent(home, "claim-status", job_id).stdout == f"{job_id}  paid\n"
        paid = decode(JobRecord, reader.get(state_keys.job(job_id)) or "")
        assert (owed.state, paid.state) == (JobRecordState.CREATED, JobRecordState.SETTLED)
        assert _credits(reader, owed.account_id) - before > 0
        assert paid.billed_ms is not None
        assert paid.billed_ms >= 4_000
    towns.none()
