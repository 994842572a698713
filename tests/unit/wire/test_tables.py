"""Every outcome, refusal, limit and reason has its sentence, bound and status."""

import io
import json
import logging
from dataclasses import fields, replace

import pytest

from wire import logs
from wire.errors import OutOfRange
from wire.limits import BOUNDS, Limits
from wire.outcomes import PROVIDER_FAULTS, ExitState, RefusalReason
from wire.problems import REASON_OF_EXIT, Reason, problem_body


def test_nothing_is_without_its_sentence() -> None:
    assert all(item.sentence for words in (ExitState, RefusalReason) for item in words)
    assert all(item.hint for item in Reason)
    assert set(BOUNDS) == {field.name for field in fields(Limits)}


def test_every_exit_is_a_result_a_reason_or_the_providers_fault() -> None:
    assert set(REASON_OF_EXIT) | PROVIDER_FAULTS | {ExitState.SUCCEEDED} == set(ExitState)


@pytest.mark.parametrize("name", list(BOUNDS))
def test_a_limit_outside_its_bounds_is_refused_by_name(name: str) -> None:
    low, high = BOUNDS[name]
    for value in (low - 1, high + 1):
        with pytest.raises(OutOfRange, match=f"{name}: expected {low} to {high}"):
            replace(Limits(), **{name: value}).checked()
    assert replace(Limits(), **{name: high}).checked()


def test_a_problem_has_the_five_fields_that_callers_rely_on() -> None:
    body = problem_body(Reason.INSUFFICIENT_DEPOSIT, request_id="r-1")
    assert set(body) == {"request_id", "component", "reason", "retryable", "hint"}
    assert Reason.INSUFFICIENT_DEPOSIT.http_status == 402


def test_a_log_line_is_one_json_object_with_event_and_ids() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("test.logs")
    logger.propagate = False
    logger.addHandler(handler)
    logger.warning("job.expired", extra={"job_id": "j-1"})
    line = json.loads(stream.getvalue())
    assert (line["event"], line["job_id"], line["level"]) == ("job.expired", "j-1", "warning")
