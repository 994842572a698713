"""A call from request to result and on to its payment, against a bare `docker run` of the same image.

Both are measured in the same run, in turns, so that whatever else the machine does troubles both alike.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import click

from benchmarks.document import conditions, report, reporting, say, today
from benchmarks.summary import Machine, Summary, machine, summary
from deploy.commands import SETTINGS, OperatorCommand
from deploy.demo.function import NAME, expected_answer
from deploy.demo.people import ADMINISTRATORS, DEVELOPER
from deploy.demo.story import Story
from deploy.errors import DeployError
from deploy.marketplace.calling import Caller
from deploy.marketplace.running import Marketplace
from deploy.servers.waiting import wait_for
from wire.http.portal import PortalClient

T = TypeVar("T")
#: Callers at a time -> calls of each of them in one round.
PLAN = {1: 20, 4: 10, 16: 4}
_BODY = b"the quick brown fox jumps over the lazy dog\n" * 4
_PAID_SECONDS = 60
_DOCKER_SECONDS = 60


@dataclass(kw_only=True)
class Samples:
    """Milliseconds, for one number of callers."""

    request_to_result: list[float] = field(default_factory=list)
    finish_to_paid: list[float] = field(default_factory=list)
    docker_run: list[float] = field(default_factory=list)


class Bench:
    """Runs calls and bare containers in turns."""

    def __init__(self, market: Marketplace, developer: PortalClient, image: str) -> None:
        self._market = market
        self._developer = developer
        self._image = image

    def warm_up(self) -> None:
        """Let both agents and Docker's own cache have the image before anything is measured."""
        self.take(Samples(), callers=4, each=4)

    def take(self, samples: Samples, *, callers: int, each: int) -> None:
        """Take one round: first calls, then the same number of bare containers, by as many callers."""
        with ExitStack() as closing:
            people = [closing.enter_context(self._caller()) for _ in range(callers)]
            invocations = _in_parallel([partial(self._call, person) for person in people], each)
        samples.request_to_result += [milliseconds for milliseconds, _ in invocations]
        samples.finish_to_paid += [self._paid_after(invocation_id) for _, invocation_id in invocations]
        bare = _in_parallel([self._docker_run] * callers, each)
        samples.docker_run += bare

    def _caller(self) -> Caller:
        return Caller(self._market.functions_url, ca_file=self._market.servers.tls.ca_file)

    def _call(self, person: Caller) -> tuple[float, str]:
        answer = person.call(DEVELOPER.name, NAME, _BODY)
        if answer.body != expected_answer(_BODY):
            raise DeployError(f"the function answered {answer.status}: {answer.body[:300]!r}")
        return answer.seconds * 1000, answer.invocation_id

    def _paid_after(self, invocation_id: str) -> float:
        def looked_at() -> int | None:
            jobs = self._developer.get(f"invocations/{invocation_id}")["jobs"]
            # A payment in the same millisecond is one: 0 would read as "not yet".
            return None if jobs[-1]["paid_at"] is None else jobs[-1]["times"]["end_to_paid_ms"] or 1

        return float(wait_for(f"the payment of {invocation_id}", looked_at, _PAID_SECONDS))

    def _docker_run(self) -> float:
        begun = time.monotonic()
        ended = subprocess.run(
            ["docker", "--host", self._market.servers.docker_url, "run", "--rm", "-i", "--network=none", self._image],
            input=_BODY,
            capture_output=True,
            check=False,
            timeout=_DOCKER_SECONDS,
        )
        if ended.stdout != expected_answer(_BODY):
            raise DeployError(f"docker run answered {ended.stdout[:300]!r} {ended.stderr[:300]!r}")
        return (time.monotonic() - begun) * 1000


def _in_parallel(workers: list[Callable[[], T]], each: int) -> list[T]:
    """Return what all workers returned, each having worked so many times on a thread of its own."""
    with ThreadPoolExecutor(len(workers)) as pool:
        shares = pool.map(lambda work: [work() for _ in range(each)], workers)
        return [result for share in shares for result in share]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """The numbers for so many callers."""

    callers: int
    request_to_result: Summary
    finish_to_paid: Summary
    docker_run: Summary


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One measurement."""

    at: str
    seconds: float
    machine: Machine
    rows: tuple[Row, ...]


def measure(rounds: int) -> Outcome:
    """Start a marketplace of its own, measure, and stop it."""
    begun, found = time.monotonic(), machine()
    with tempfile.TemporaryDirectory(prefix="chainfaas-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o755)
        with Marketplace(Path(directory)) as market:
            market.start(ADMINISTRATORS, say)
            with Story(market, say) as story:
                story.set_up()
            rows = _rounds(market, rounds)
    return Outcome(
        at=today(),
        seconds=round(time.monotonic() - begun, 1),
        machine=found,
        rows=rows,
    )


def _rounds(market: Marketplace, rounds: int) -> tuple[Row, ...]:
    taken = {callers: Samples() for callers in PLAN}
    with market.client(DEVELOPER) as developer:
        bench = Bench(market, developer, developer.get(f"functions/{NAME}")["live_version"]["image"])
        bench.warm_up()
        for number in range(rounds):
            for callers, each in PLAN.items():
                bench.take(taken[callers], callers=callers, each=each)
                say(f"round {number + 1} of {rounds}, {callers} callers")
    return tuple(
        Row(
            callers=callers,
            request_to_result=summary(samples.request_to_result),
            finish_to_paid=summary(samples.finish_to_paid),
            docker_run=summary(samples.docker_run),
        )
        for callers, samples in taken.items()
    )


def table(found: Outcome) -> str:
    """Return the measurement as Markdown."""
    lines = [
        conditions(found.at, found.machine, f"{found.seconds:.0f} s in all"),
        "",
        "| callers | what | n | median ms | 90 % ms | 99 % ms |",
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in found.rows:
        for title, took in (
            ("request → result", row.request_to_result),
            ("finish → paid", row.finish_to_paid),
            ("bare `docker run`", row.docker_run),
        ):
            lines.append(
                f"| {row.callers} | {title} | {took.count} | {took.median:.0f} | {took.p90:.0f} | {took.p99:.0f} |"
            )
    return "\n".join(lines)


@click.command(cls=OperatorCommand, context_settings=SETTINGS)
@click.option("--rounds", type=click.IntRange(1, 50), default=3, show_default=True)
@reporting
def main(*, rounds: int, **told: bool) -> None:
    """Measure calls of a function: request to result, and finish to paid."""
    found = measure(rounds)
    report("invoke", asdict(found), table(found), **told)


if __name__ == "__main__":
    main()
