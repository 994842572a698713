"""What a price means, in words."""

from wire.money import MICRO_PER_CREDIT, cost_of, credits_text

_EXAMPLES_MS = ((100, "of 100 ms"), (1_000, "of 1 s"))
_RUNS = 1_000


def amount_text(micro: int) -> str:
    """Return an amount with its unit: `1 credit`, `0.5 credits`."""
    return f"{credits_text(micro)} {'credit' if micro == MICRO_PER_CREDIT else 'credits'}"


def cost_example(*, price_nano_per_ms: int, timeout_ms: int, budget_micro: int) -> str:
    """Return what runs cost at most under a price ceiling, and how many of them a daily budget pays."""
    lines = [
        f"{_count(_RUNS)} runs {text} cost at most "
        f"{amount_text(_RUNS * cost_of(run_ms=run_ms, price_nano_per_ms=price_nano_per_ms))}"
        for run_ms, text in _EXAMPLES_MS
        if run_ms < timeout_ms
    ]
    full = cost_of(run_ms=timeout_ms, price_nano_per_ms=price_nano_per_ms)
    lines.append(f"A run at the full timeout of {timeout_ms / 1000:g} s costs at most {amount_text(full)}")
    lines.append(_budget(full, budget_micro))
    return ".\n".join(lines) + "."


def _budget(full_micro: int, budget_micro: int) -> str:
    budget = f"{amount_text(budget_micro)} a day"
    if full_micro == 0:
        return "At this price only providers that ask nothing run it"
    runs = budget_micro // full_micro
    if runs == 0:
        return f"The budget of {budget} does not cover a single run at the full timeout: every call would be refused"
    return f"The budget of {budget} covers {_count(runs)} runs at the full timeout"


def _count(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")
