"""Asking for many rows at once, on each database alike."""

import pytest

from portal.books.models import LedgerBlock, WorldState
from tests.support.people import NOW

pytestmark = pytest.mark.django_db
_ODD = ["job~a", "job~b", "job~ä", 'job~"', "job~'", "job~\\", "job~{}", "job~,", "job~%s", "k" * 200]


@pytest.fixture(autouse=True)
def _rows() -> None:
    WorldState.objects.bulk_create(WorldState(key=key, value="{}") for key in _ODD)
    LedgerBlock.objects.bulk_create(
        LedgerBlock(number=number, hash="", previous_hash="", at=NOW, transaction_count=0, operation_count=0)
        for number in range(5)
    )


@pytest.mark.parametrize("keys", [[], ["job~a"], _ODD, ["job~a", "job~a", "nothing"], ["k" * 201], ["JOB~A", ""]])
def test_what_is_among_texts_is_what_equals_one_of_them(keys: list[str]) -> None:
    found = WorldState.objects.filter(key__among=keys).order_by("key")

    assert [row.key for row in found] == sorted({*keys} & {*_ODD})


@pytest.mark.parametrize("numbers", [[], [2], [4, 1, 1], [2**62, -1, 3]])
def test_what_is_among_numbers_is_what_equals_one_of_them(numbers: list[int]) -> None:
    found = LedgerBlock.objects.filter(number__among=numbers).order_by("number")

    assert [row.number for row in found] == sorted({*numbers} & {*range(5)})
