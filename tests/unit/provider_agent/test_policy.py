import dataclasses
from typing import Any

import pytest

from provider_agent.jobs.policy import Situation, refusal
from tests.support.tickets import a_ticket
from wire.limits import Limits
from wire.outcomes import RefusalReason

from .conftest import TERMS

NOW = 1_000_000
DIGEST = "sha256:" + "a" * 64
QUIET = Situation(now_ms=NOW, newest_term=1, is_repeated=False, has_its_input=True, free_slots=1, is_draining=False)


def judged(situation: Situation = QUIET, **changes: Any) -> RefusalReason | None:
    times = {"accept_by_ms": NOW + 5_000, "pull_by_ms": NOW + 60_000}
    return refusal(a_ticket(**{**times, **changes}), TERMS, situation)


def test_a_ticket_on_the_providers_terms_is_taken() -> None:
    assert judged() is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"provider_id": "another"}, RefusalReason.NOT_FOR_ME),
        ({"term": 0}, RefusalReason.OLD_TERM),
        ({"accept_by_ms": NOW - 1}, RefusalReason.TOO_LATE),
        ({"mode": "http"}, RefusalReason.MALFORMED),
        ({"image": "registry.example.org/word-count:latest"}, RefusalReason.MALFORMED),
        ({"image": f"word-count@{DIGEST}"}, RefusalReason.MALFORMED),
        ({"image": f"registry.example.org/../x@{DIGEST}"}, RefusalReason.MALFORMED),
        ({"image": f"registry.example.org/x@{DIGEST} --privileged"}, RefusalReason.MALFORMED),
        ({"environment": {"A=B": "x"}}, RefusalReason.MALFORMED),
        ({"environment": {"": "x"}}, RefusalReason.MALFORMED),
        ({"environment": {"A": "x\0y"}}, RefusalReason.MALFORMED),
        ({"environment": {"A": "x" * 40_000}}, RefusalReason.MALFORMED),
        ({"environment": {"A": "\x01" * 3_000}}, RefusalReason.MALFORMED),
        ({"environment": {"A": "\ud800"}}, RefusalReason.MALFORMED),
        ({"limits": Limits(memory_mb=0)}, RefusalReason.MALFORMED),
        ({"limits": Limits(timeout_ms=10**9)}, RefusalReason.MALFORMED),
        ({"max_ms": 0}, RefusalReason.MALFORMED),
        ({"limits": Limits(memory_mb=257)}, RefusalReason.TOO_LARGE),
        ({"limits": Limits(cpu_millis=2001)}, RefusalReason.TOO_LARGE),
        ({"limits": Limits(input_bytes=4), "input": b"12345"}, RefusalReason.TOO_LARGE),
        ({"input": b"x" * (256 * 1024 + 1)}, RefusalReason.TOO_LARGE),
        ({"price_nano_per_ms": 9}, RefusalReason.PRICE_TOO_LOW),
        ({"max_cost_micro": 599}, RefusalReason.PRICE_TOO_LOW),
        ({"max_ms": 9_999}, RefusalReason.PRICE_TOO_LOW),
        ({"image": f"192.168.1.5:5000/x@{DIGEST}"}, RefusalReason.REGISTRY_NOT_ALLOWED),
        ({"image": f"localhost:5001/x@{DIGEST}"}, RefusalReason.REGISTRY_NOT_ALLOWED),
        ({"image": f"router.local/x@{DIGEST}"}, RefusalReason.REGISTRY_NOT_ALLOWED),
        ({"image": f"nas:5000/x@{DIGEST}"}, RefusalReason.REGISTRY_NOT_ALLOWED),
        ({"image": f"[fd00::1]:5000/x@{DIGEST}"}, RefusalReason.REGISTRY_NOT_ALLOWED),
    ],
)
def test_a_ticket_that_is_not_on_its_terms_is_refused_and_why(changes: dict[str, Any], reason: RefusalReason) -> None:
    assert judged(**changes) is reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"is_repeated": True}, RefusalReason.REPEATED),
        ({"is_draining": True}, RefusalReason.DRAINING),
        ({"free_slots": 0}, RefusalReason.NO_FREE_SLOT),
        ({"newest_term": 2}, RefusalReason.OLD_TERM),
        ({"has_its_input": False}, RefusalReason.INPUT_ALTERED),
        ({"has_its_input": False, "free_slots": 0}, RefusalReason.INPUT_ALTERED),
        ({"is_draining": True, "free_slots": 0}, RefusalReason.DRAINING),
    ],
)
def test_the_moment_may_speak_against_a_good_ticket(changes: dict[str, Any], reason: RefusalReason) -> None:
    assert judged(dataclasses.replace(QUIET, **changes)) is reason


def test_limits_and_prices_at_the_very_bound_are_taken() -> None:
    assert judged(limits=Limits(memory_mb=256, cpu_millis=2000, timeout_ms=10_000)) is None
    assert judged(accept_by_ms=NOW) is None
    assert judged(term=5) is None
    assert judged(price_nano_per_ms=11, max_cost_micro=660) is None


def test_a_registry_on_the_administrators_list_is_taken() -> None:
    assert judged(image=f"localhost:5000/deep/er/name_x@{DIGEST}") is None
