"""A provider's machine goes away in mid-job: another one does the job, and it is paid once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from deploy.demo import money
from deploy.demo.people import DEVELOPER, PROVIDER
from tests.acceptance.town import Town
from tests.support.waiting import wait_for

_SLOW = "import sys, time; given = sys.stdin.read(); time.sleep(4); print(given.upper(), end='')"


def _started(town: Town, function: str) -> dict[str, Any] | None:
    """Return the newest call's job once its container runs."""
    newest = town.developer.get("invocations")["results"][0]
    jobs = town.invocation(newest["id"])["jobs"] if newest["function"] == function else []
    return jobs[-1] if jobs and jobs[-1]["state"] == "started" else None


# Which ledger it is changes nothing about the waiting; the contracts' part is tested on both elsewhere.
@pytest.mark.parametrize("ledger", ["embedded", pytest.param("fabric", marks=pytest.mark.long)], indirect=True)
@pytest.mark.timeout(300)
def test_a_job_is_done_by_another_provider_when_its_agent_is_killed(town: Town) -> None:
    town.publish_program("slow-shout", _SLOW)
    town.call("slow-shout", b"both machines may have to pull it first")
    before = town.balances()
    with ThreadPoolExecutor(1) as caller:
        call = caller.submit(town.call, "slow-shout", b"anybody there?")
        job = wait_for("the container to run", lambda: _started(town, "slow-shout"), 60)

        town.kill_agent(job["provider"])

        answer = call.result(timeout=90)
    assert (answer.status, answer.body) == (200, b"ANYBODY THERE?")
    first, second = town.invocation(answer.invocation_id)["jobs"]
    assert (first["state"], second["state"]) == ("lost", "finished")
    assert first["provider"] != second["provider"]
    record = town.settled(second["id"])
    expected = money.expected_balances(before, [record], developer=DEVELOPER.name, provider=PROVIDER.name)
    wait_for("what was held for the lost job", lambda: town.balances() == expected, 60)

    town.restart_agent(job["provider"])

    assert town.record(first["id"])["state"] == "superseded"
    money.check_exact(town.balances(), expected)
    assert town.market.audit()["reconciled"]["drift_micro"] == 0
