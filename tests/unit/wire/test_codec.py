"""The codec reads what it wrote, ignores what it does not know, and names what is wrong."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import canonical_json, decode, encode
from wire.errors import Malformed
from wire.limits import Limits
from wire.outcomes import ExitState


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    name: str
    count: int
    blob: bytes
    state: ExitState
    limits: Limits
    tags: tuple[str, ...] = ()
    note: str | None = None


samples = st.builds(
    Sample,
    name=st.text(),
    count=st.integers(-(2**63), 2**63 - 1),
    blob=st.binary(),
    state=st.sampled_from(ExitState),
    limits=st.builds(Limits, memory_mb=st.integers(1, 99)),
    tags=st.lists(st.text()).map(tuple),
    note=st.none() | st.text(),
)

GOOD = b'{"name":"a","count":1,"blob":"","state":"crashed","limits":{}'


@given(samples)
def test_what_is_written_is_read_back(sample: Sample) -> None:
    assert decode(Sample, encode(sample)) == sample


def test_an_unknown_field_is_ignored() -> None:
    assert decode(Sample, GOOD + b',"from_the_future":[1]}').name == "a"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (b'{"count":1}', "Sample.name is missing"),
        (GOOD.replace(b'"count":1', b'"count":"1"') + b"}", "Sample.count: expected a whole number"),
        (GOOD.replace(b'"count":1', b'"count":true') + b"}", "Sample.count: expected a whole number"),
        (GOOD.replace(b'"count":1', b'"count":1.0') + b"}", "Sample.count: expected a whole number"),
        (GOOD.replace(b'"count":1', b'"count":9223372036854775808') + b"}", "at most 64 bits"),
        (GOOD.replace(b'"blob":""', b'"blob":"*"') + b"}", "Sample.blob: expected base64"),
        (GOOD.replace(b"crashed", b"vanished") + b"}", "Sample.state: expected one of"),
        (GOOD.replace(b'"limits":{}', b'"limits":[]') + b"}", "Sample.limits: expected dict"),
        (GOOD + b',"tags":[1]}', r"Sample.tags\[\]: expected str"),
        (b"[]", "expected a JSON object"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_wrong_field_is_refused_by_name(text: bytes, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        decode(Sample, text)


def test_the_same_value_has_one_text() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()
