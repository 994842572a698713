"""The loop of recorder and follower, its health and its metrics."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest
from django.db import OperationalError
from prometheus_client import generate_latest

from ledger.errors import CommitUnknown, LedgerDamaged, LedgerUnavailable
from ledger.testing import InMemoryLedger
from portal.books.follower import Follower
from portal.ledgerd.auditor import Auditor
from portal.ledgerd.loop import LedgerLoop
from portal.ledgerd.metrics import LedgerMetrics
from portal.outbox.errors import Superseded
from portal.outbox.models import OutboxOperation, OutboxState
from portal.outbox.recorder import Recorder
from tests.support.outbox.market import ManualClock, Market
from tests.support.waiting import wait_for
from wire.http.health import serving, watched

pytestmark = pytest.mark.django_db


class Scripted:
    """Stands for recorder, follower or errand: each step does the next thing of a script, then nothing."""

    block = 0

    def __init__(self, *script: Exception | bool) -> None:
        self.script = iter(script)
        self.steps = 0
        self.at_the_end: Callable[[], None] = lambda: None

    def step(self) -> bool:
        self.steps += 1
        for item in self.script:
            if isinstance(item, Exception):
                raise item
            return item
        self.at_the_end()
        return False


def loop_of(
    recorder: Any, *, follower: Any = None, metrics: LedgerMetrics | None = None, bell: threading.Event | None = None
) -> LedgerLoop:
    loop = LedgerLoop(
        recorder=cast("Recorder", recorder),
        follower=cast("Follower", follower or Scripted()),
        errands=(Scripted().step,),
        metrics=metrics or LedgerMetrics(),
        bell=bell or threading.Event(),
    )
    if isinstance(recorder, Scripted):
        recorder.at_the_end = loop.stop
    return loop


@pytest.mark.parametrize("error", [LedgerUnavailable("full"), CommitUnknown("late"), OperationalError("gone")])
def test_the_loop_survives_what_may_pass(error: Exception) -> None:
    metrics = LedgerMetrics()
    recorder = Scripted(True, error, True)

    loop_of(recorder, metrics=metrics).run()

    assert recorder.steps == 4
    failures = metrics.registry.get_sample_value("chainfaas_ledger_failures_total", {"error": type(error).__name__})
    assert failures == 1


@pytest.mark.timeout(30)
@pytest.mark.parametrize("after_seconds", [0, 0.05], ids=["during a turn", "while idle"])
def test_the_loop_turns_again_when_the_bell_rings(monkeypatch: pytest.MonkeyPatch, after_seconds: float) -> None:
    monkeypatch.setattr("portal.ledgerd.loop.SHORTEST_WAIT", 3_600.0)
    bell = threading.Event()
    recorder = Scripted()
    loop = loop_of(recorder, bell=bell)
    ring = threading.Timer(after_seconds, bell.set).start if after_seconds else bell.set
    recorder.at_the_end = lambda: loop.stop() if recorder.steps == 2 else ring()

    loop.run()

    assert recorder.steps == 2


def test_a_signal_stops_the_loop_without_a_lock_that_it_may_have_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Scripted(True)
    loop = loop_of(recorder)

    def locked(_: threading.Event) -> None:
        raise AssertionError("the interrupted thread may hold this event's lock")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Event, "set", locked)
        loop.stop()
    loop.run()

    assert recorder.steps == 0


@pytest.mark.parametrize("error", [Superseded("newer"), LedgerDamaged("block 3")])
def test_the_loop_ends_on_what_will_not_pass(error: Exception) -> None:
    with pytest.raises(type(error)):
        loop_of(Scripted(error)).run()


def test_the_metrics_tell_what_waits(ledger: InMemoryLedger, market: Market, clock: ManualClock) -> None:
    market.mints(1)
    market.mints(1)
    OutboxOperation.objects.filter(id=OutboxOperation.objects.latest("id").id).update(state=OutboxState.SET_ASIDE)
    clock.forward(seconds=7)
    metrics = LedgerMetrics(clock)

    metrics.measure_outbox()

    sample = metrics.registry.get_sample_value
    assert sample("chainfaas_ledger_outbox_backlog") == 1
    assert sample("chainfaas_ledger_outbox_oldest_seconds") == 7
    assert sample("chainfaas_ledger_operations_set_aside") == 1
    assert ledger.height == 1


@contextmanager
def served(loop: LedgerLoop, metrics: LedgerMetrics) -> Iterator[str]:
    pages = watched(loop.health, lambda: generate_latest(metrics.registry))
    with serving(("127.0.0.1", 0), pages) as port:
        yield f"http://127.0.0.1:{port}"


def get(url: str) -> tuple[int, str]:
    answer = httpx.get(url, timeout=30)
    return answer.status_code, answer.text


def test_health_and_metrics_are_told_over_http() -> None:
    metrics = LedgerMetrics()
    loop = loop_of(Scripted())

    with served(loop, metrics) as url:
        status, body = get(f"{url}/healthz")
        assert (status, json.loads(body)["healthy"]) == (200, True)
        assert "chainfaas_ledger_drift_micro 0.0" in get(f"{url}/metrics")[1]
        assert get(f"{url}/else")[0] == 404
        loop._succeeded -= 60
        assert get(f"{url}/healthz")[0] == 503


@pytest.mark.django_db(transaction=True)
def test_the_auditor_surveys_on_a_thread_of_its_own(
    ledger: InMemoryLedger, recorder: Recorder, follower: Follower, market: Market
) -> None:
    market.opens()
    recorder.step()
    follower.step()
    auditor = Auditor(ledger=ledger, metrics=LedgerMetrics())

    auditor.start()
    wait_for("a survey", lambda: auditor._surveyed is not None, 30)
    auditor.stop()

    assert auditor.step()
    assert auditor.last is not None
    assert auditor.last.is_clean
    assert "auditor" not in [thread.name for thread in threading.enumerate()]
