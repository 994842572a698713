"""The ledger's quick writer of JSON writes the bytes that the plain one writes, but for what the ledger has not."""

import dataclasses
import inspect
from types import ModuleType
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ledger import marketplace
from wire.codec import canonical_json, to_plain
from wire.ledger import blocks, operations, records, states
from wire.ledger.canonical import ledger_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(states.JobRecordState),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple),
)
fee_policies = st.builds(records.FeePolicy, version=st.integers(), platform_ppm=st.integers(), peers_ppm=st.integers())


@given(values | fee_policies | st.dictionaries(st.text(), fee_policies))
def test_it_writes_the_bytes_of_canonical_json(value: object) -> None:
    assert ledger_json(value) == canonical_json(to_plain(value))


@pytest.mark.parametrize("character", ["\0", "\x1f", "\x7f", '"', "\\", "/", "\u2028", "\ue000", "\U0010ffff"])
def test_characters_are_escaped_and_sorted_alike(character: str) -> None:
    value = {character: character, "é": 1, "\U00010000": 2, "\uffff": 3}

    assert ledger_json(value) == canonical_json(value)


def test_what_the_plain_one_refuses_is_refused_alike() -> None:
    with pytest.raises(UnicodeEncodeError):
        ledger_json({"half of a pair": "\ud800"})
    with pytest.raises(TypeError):
        ledger_json({"no JSON": object()})


def test_a_job_s_record_is_written_alike() -> None:
    world = marketplace()
    world.create("job6")

    assert ledger_json(world.job("job6")) == canonical_json(to_plain(world.job("job6")))


@pytest.mark.parametrize("module", [blocks, operations, records])
def test_the_ledger_has_no_numbers_with_a_fraction(module: ModuleType) -> None:
    kinds = [kind for _, kind in inspect.getmembers(module, dataclasses.is_dataclass)]

    assert kinds
    assert float not in {part for kind in kinds for hint in get_type_hints(kind).values() for part in _parts(hint)}


def _parts(hint: Any) -> set[Any]:
    return {hint}.union(*(_parts(part) for part in get_args(hint)))
