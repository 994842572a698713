"""What a price means, in words."""

from wire.money import cost_of, credits_text

_EXAMPLES_MS = ((100, "of 100 ms"), (1_000, "of 1 s"))


def cost_example(*, price_nano_per_ms: int, timeout_ms: int, budget_micro: int) -> str:
    """Return what runs cost at most under a price ceiling, and how many of them a daily budget pays."""
    full = cost_of(run_ms=timeout_ms, price_nano_per_ms=price_nano_per_ms)
    examples = [
        f"A run {text} costs at most {_credits(cost_of(run_ms=run_ms, price_nano_per_ms=price_nano_per_ms))}"
        for run_ms, text in _EXAMPLES_MS
        if run_ms < timeout_ms
    ]
    lines = [*examples, f"A run at the full timeout of {timeout_ms / 1000:g} s costs at most {_credits(full)}"]
    lines.append(_days(full, budget_micro))
    return ".\n".join(lines) + "."


def _credits(micro: int) -> str:
    return f"{credits_text(micro)} credits"


def _days(full_micro: int, budget_micro: int) -> str:
    budget = f"{credits_text(budget_micro)} credits a day"
    if full_micro == 0:
        return "At this price only providers that ask nothing run it"
    runs = budget_micro // full_micro
    if runs == 0:
        return f"The budget of {budget} does not cover a single run at the full timeout: every call would be refused"
    count = f"{runs:,}".replace(",", "\N{NO-BREAK SPACE}")
    return f"The budget of {budget} covers {count} runs at the full timeout"
