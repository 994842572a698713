"""How values read on a page."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web.costs import amount_text, cost_example
from portal.web.middleware import CONTENT_SECURITY_POLICY
from portal.web.templatetags.wording import badge, duration, exact_moment, moment, short, signed_money, size, why
from wire.problems import Reason


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, "\N{EN DASH}"), (0, "0 ms"), (999, "999 ms"), (1_240, "1.24 s"), (60_000, "1 min"), (125_400, "2 min 5 s")],
)
def test_durations(milliseconds: int | None, text: str) -> None:
    assert duration(milliseconds) == text


def test_moments_are_exact_for_programs_and_plain_for_people() -> None:
    at = datetime(2026, 11, 1, 7, 4, 5, 678_000, tzinfo=UTC)

    assert moment(at) == '<time datetime="2026-11-01T07:04:05.678Z">1 Nov 2026, 07:04:05</time>'
    assert exact_moment(at) == '<time datetime="2026-11-01T07:04:05.678Z">1 Nov 2026, 07:04:05.678</time>'


def test_amounts() -> None:
    assert amount_text(1_000_000) == "1 credit"
    assert amount_text(500_000) == "0.5 credits"
    assert signed_money(12_000_000) == "+12"
    assert signed_money(-12_000_000) == "\N{MINUS SIGN}12"


def test_sizes() -> None:
    assert [size(count) for count in (1, 2048, 3_700_000)] == ["1 bytes", "2 KiB", "3.529 MiB"]


def test_states_are_coloured_and_never_markup() -> None:
    assert badge("settled") == '<span class="badge good">settled</span>'
    assert badge("<b>") == '<span class="badge plain">&lt;b&gt;</span>'


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    assert why(reason.value) == reason.hint


def test_long_ids_are_shortened_and_short_ones_are_not() -> None:
    assert short("a" * 64) == "a" * 12 + "…"
    assert short("a" * 13) == "a" * 13


def test_a_cost_example_says_what_runs_cost_and_what_the_budget_pays() -> None:
    text = cost_example(price_nano_per_ms=50, timeout_ms=30_000, budget_micro=1_000_000)

    assert text.replace("\N{NO-BREAK SPACE}", " ").splitlines() == [
        "1 000 runs of 100 ms cost at most 0.005 credits.",
        "1 000 runs of 1 s cost at most 0.05 credits.",
        "A run at the full timeout of 30 s costs at most 0.0015 credits.",
        "The budget of 1 credit a day covers 666 runs at the full timeout.",
    ]


def test_a_budget_that_pays_nothing_is_named() -> None:
    assert "every call would be refused" in cost_example(price_nano_per_ms=10**6, timeout_ms=30_000, budget_micro=1)
    assert "ask nothing" in cost_example(price_nano_per_ms=0, timeout_ms=30_000, budget_micro=1)


@given(st.integers(0, 10**9), st.integers(100, 900_000), st.integers(0, 10**15))
def test_every_price_has_an_example(price: int, timeout_ms: int, budget: int) -> None:
    assert cost_example(price_nano_per_ms=price, timeout_ms=timeout_ms, budget_micro=budget).endswith(".")


def test_the_policy_lets_nothing_run_inline() -> None:
    assert "unsafe" not in CONTENT_SECURITY_POLICY
