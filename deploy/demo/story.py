"""What the quickstart does once the marketplace runs, step by step."""

import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from deploy.demo import money
from deploy.demo.function import NAME, expected_answer, publish, push_demo_image
from deploy.demo.people import ADMINISTRATOR, DEVELOPER, EVERYBODY, MACHINES, PROVIDER
from deploy.errors import DeployError
from deploy.marketplace.calling import Caller, CallOutcome
from deploy.marketplace.running import Marketplace, Progress
from deploy.servers.waiting import wait_for
from wire.money import credits_text

INPUT = b"It is a truth universally acknowledged, that a home PC with nothing to do must be in want of a job.\n"
_TOP_UP_CREDITS = 100
_ALIVE_SECONDS = 30
_PAID_SECONDS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What the quickstart found; its last line with `--once`."""

    result_sha256: str
    job_id: str
    run_ms: int
    cost_micro: int
    balances_before: money.Balances
    balances_after: money.Balances
    #: Whether the ledger was proved from its first block.
    verify: bool
    drift_micro: int
    ledger: dict[str, Any]
    #: The five times of the job, and what the caller waited.
    times_ms: dict[str, Any]
    seconds: float


class Story:
    """Makes the people, the machines and the function, and follows one call to its payment."""

    def __init__(self, market: Marketplace, progress: Progress) -> None:
        self._market = market
        self._progress = progress
        self._open = ExitStack()
        self._administrator, self._developer, self._provider = (
            self._open.enter_context(market.client(person)) for person in (ADMINISTRATOR, DEVELOPER, PROVIDER)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self._open.close()

    def set_up(self) -> None:
        """Make everything that a call needs; what is there from an earlier run stays."""
        noted = self._market.people.note(EVERYBODY)
        self._progress(f"accounts {', '.join(person.name for person in EVERYBODY)}: how they sign in is in {noted}")
        machines = [self._market.machine(name) for name in MACHINES]
        self._market.start_agents(machines, self._provider)
        self._progress(f"agents on {' and '.join(MACHINES)} run")
        link = push_demo_image(self._market)
        function = publish(self._developer, link)
        self._progress(f"function {function['address']} is published: {link}")
        self._market.administer("top-up", f"top_up {DEVELOPER.name} {_TOP_UP_CREDITS} --reference quickstart-1")
        deposit = credits_text(self._developer.get("account/balance")["deposit_micro"])
        self._progress(f"{DEVELOPER.name} has {deposit} credits on deposit")
        wait_for("both agents' heartbeats", lambda: self._market.providers_alive() >= len(MACHINES), _ALIVE_SECONDS)

    def call(self, begun: float) -> Report:
        """Call the function over HTTPS, and follow its job to the payment.

        :raises DeployError: when anything is not exactly as it has to be.
        """
        clients = {DEVELOPER: self._developer, PROVIDER: self._provider}
        accounts = {person.name: client.get("account")["id"] for person, client in clients.items()}
        before = money.balances(self._administrator, accounts)
        answer = self._answered()
        invocation = wait_for("the payment", lambda: self._paid(answer.invocation_id), _PAID_SECONDS)
        job = invocation["jobs"][-1]
        record = self._developer.get(f"ledger/jobs/{job['id']}")["record"]
        expected = money.expected_balances(before, [record], developer=DEVELOPER.name, provider=PROVIDER.name)
        after = money.balances(self._administrator, accounts)
        money.check_exact(after, expected)
        self._show(job, record, before=before, after=after)
        audit = self._market.audit()
        self._progress(f"ledger verified from its first of {audit['verified']['blocks']} blocks; drift 0")
        return Report(
            result_sha256=hashlib.sha256(answer.body).hexdigest(),
            job_id=job["id"],
            run_ms=record["billed_ms"],
            cost_micro=record["cost_micro"],
            balances_before=before,
            balances_after=after,
            verify=True,
            drift_micro=audit["reconciled"]["drift_micro"],
            ledger={"kind": "fabric" if self._market.fabric else "embedded", **audit["verified"]},
            times_ms={**job["times"], "request_to_result_ms": round(answer.seconds * 1000)},
            seconds=round(time.monotonic() - begun, 1),
        )

    def _answered(self) -> CallOutcome:
        market = self._market
        with Caller(market.functions_url, ca_file=market.servers.tls.ca_file) as caller:
            answer = caller.call(DEVELOPER.name, NAME, INPUT)
        if answer.status != 200 or answer.body != expected_answer(INPUT):  # noqa: PLR2004 - HTTP's OK
            raise DeployError(f"the function answered {answer.status}: {answer.body[:500]!r}")
        self._progress(f"result after {answer.seconds * 1000:.0f} ms: {answer.body.decode().strip()}")
        return answer

    def _show(
        self, job: dict[str, Any], record: dict[str, Any], *, before: money.Balances, after: money.Balances
    ) -> None:
        self._progress(
            f"job {job['id']} ran {record['billed_ms']} ms and is {record['state']}: "
            f"{credits_text(record['cost_micro'])} credits"
        )
        for name in before:
            moved = sum(after[name].values()) - sum(before[name].values())
            self._progress(f"    {name:20}{credits_text(sum(after[name].values())):>14} credits ({moved:+d} micro)")
        self._progress("times: " + ", ".join(f"{name} {value}" for name, value in job["times"].items()))

    def _paid(self, invocation_id: str) -> dict[str, Any] | None:
        found: dict[str, Any] = self._developer.get(f"invocations/{invocation_id}")
        return found if found["jobs"] and found["jobs"][-1]["paid_at"] else None
