"""Money is whole micro-credits; a provider never works for free."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.errors import Malformed
from wire.money import billed_ms, cost_of, credits_text, micro_from_text


@pytest.mark.parametrize(
    ("run_ms", "price_nano_per_ms", "micro"),
    [(0, 1, 1), (1, 1, 1), (1, 1000, 1), (1, 1001, 2), (1000, 120, 120), (1001, 120, 121), (100, 0, 0)],
)
def test_cost_is_rounded_up_and_at_least_one_millisecond_is_billed(
    run_ms: int, price_nano_per_ms: int, micro: int
) -> None:
    assert cost_of(run_ms=run_ms, price_nano_per_ms=price_nano_per_ms) == micro


@pytest.mark.parametrize(
    ("claimed_ms", "observed_ms", "max_ms", "billed"),
    [(5, 9, 20, 5), (9, 5, 20, 5), (50, 40, 20, 20), (None, 5, 20, 5), (None, None, 20, 20), (0, 5, 20, 1)],
)
def test_the_least_that_anybody_says_is_billed_and_at_least_a_millisecond(
    claimed_ms: int | None, observed_ms: int | None, max_ms: int, billed: int
) -> None:
    assert billed_ms(claimed_ms=claimed_ms, observed_ms=observed_ms, max_ms=max_ms) == billed


@given(run_ms=st.integers(1, 10**9), price=st.integers(1, 10**6))
def test_a_cost_is_never_more_than_one_micro_above_the_exact_price(run_ms: int, price: int) -> None:
    assert 0 <= cost_of(run_ms=run_ms, price_nano_per_ms=price) * 1000 - run_ms * price < 1000


@given(st.integers(0, 10**15 - 1))
def test_an_amount_is_read_as_it_is_shown(micro: int) -> None:
    assert micro_from_text(credits_text(micro)) == micro


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1,5", "0.0000001", "\u0661", "1.", "9999999999", "NaN"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="expected credits"):
        micro_from_text(text)


@pytest.mark.parametrize(("micro", "text"), [(0, "0"), (12_000_000, "12"), (500_000, "0.5"), (-3_000_001, "-3.000001")])
def test_amounts_are_shown_in_credits(micro: int, text: str) -> None:
    assert credits_text(micro) == text
