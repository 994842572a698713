"""Which provider gets a job, and why none does."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.placement import Capacity, Need, choose
from wire.problems import Reason

IMAGE = f"sha256:{'a' * 64}"
NEED = Need(architecture="amd64", memory_mb=128, cpu_millis=1_000, price_ceiling_nano_per_ms=100, image_digest=IMAGE)
GOOD = Capacity(
    provider_id=uuid4(),
    architecture="amd64",
    memory_mb=128,
    cpu_millis=1_000,
    price_nano_per_ms=100,
    slots=4,
    free_slots=1,
    draining=False,
    images=(),
)


def another(**changes: object) -> Capacity:
    return replace(GOOD, provider_id=uuid4(), **changes)  # type: ignore[arg-type]


def test_a_provider_that_just_fits_is_chosen() -> None:
    assert choose(NEED, [GOOD]) is GOOD


@pytest.mark.parametrize(
    "flaw",
    [
        {"architecture": "arm64"},
        {"memory_mb": 127},
        {"cpu_millis": 999},
        {"price_nano_per_ms": 101},
        {"draining": True},
    ],
    ids=lambda flaw: next(iter(flaw)),
)
def test_a_provider_that_does_not_fit_is_none(flaw: dict[str, object]) -> None:
    assert choose(NEED, [another(**flaw)]) is Reason.NO_PROVIDER


def test_a_full_provider_that_fits_is_worth_waiting_for() -> None:
    assert choose(NEED, [another(free_slots=0), another(memory_mb=1)]) is Reason.PROVIDERS_BUSY


def test_a_provider_that_was_tried_is_none() -> None:
    assert choose(NEED, [GOOD], tried={GOOD.provider_id}) is Reason.NO_PROVIDER


def test_the_image_counts_before_the_price_and_the_price_before_the_load() -> None:
    there, cheap, idle = another(images=(IMAGE,)), another(price_nano_per_ms=1), another(free_slots=4)

    assert choose(NEED, [idle, cheap, there]) is there
    assert choose(NEED, [idle, cheap]) is cheap
    assert choose(NEED, [GOOD, idle]) is idle


def test_equals_are_told_apart_by_the_tie_break_alone() -> None:
    equals = [another() for _ in range(4)]

    chosen = {_id(choose(NEED, equals, tie_break=str(number))) for number in range(200)}

    assert chosen == {item.provider_id for item in equals}
    assert choose(NEED, equals, tie_break="x") is choose(NEED, list(reversed(equals)), tie_break="x")


capacities = st.lists(
    st.builds(
        Capacity,
        provider_id=st.uuids(),
        architecture=st.sampled_from(["amd64", "arm64"]),
        memory_mb=st.integers(0, 256),
        cpu_millis=st.integers(0, 2_000),
        price_nano_per_ms=st.integers(0, 200),
        slots=st.integers(0, 4),
        free_slots=st.integers(-2, 4),
        draining=st.booleans(),
        images=st.sampled_from([(), (IMAGE,)]),
    ),
    unique_by=lambda item: item.provider_id,
    max_size=8,
)


@given(capacities, st.data())
def test_whoever_is_chosen_fits_and_nobody_better_is_passed_over(offers: list[Capacity], data: st.DataObject) -> None:
    tried = data.draw(st.sets(st.sampled_from([item.provider_id for item in offers]))) if offers else set()

    choice = choose(NEED, offers, tried=tried)

    if isinstance(choice, Capacity):
        assert _could(choice, tried)
        assert choice.free_slots > 0
        assert not any(
            _could(other, tried)
            and other.free_slots > 0
            and IMAGE in other.images
            and other.price_nano_per_ms < choice.price_nano_per_ms
            for other in offers
        )
    else:
        assert not any(_could(item, tried) and item.free_slots > 0 for item in offers)
        assert (choice is Reason.PROVIDERS_BUSY) == any(_could(item, tried) for item in offers)


def _could(item: Capacity, tried: Sequence[UUID] | set[UUID]) -> bool:
    return (
        item.provider_id not in tried
        and not item.draining
        and item.architecture == "amd64"
        and item.memory_mb >= 128
        and item.cpu_millis >= 1_000
        and item.price_nano_per_ms <= 100
    )


def _id(choice: Capacity | Reason) -> UUID:
    assert isinstance(choice, Capacity)
    return choice.provider_id
