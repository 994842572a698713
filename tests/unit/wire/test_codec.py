"""The codec reads what it wrote, ignores what it does not know, and names what is wrong."""

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.codec import canonical_json, decode, encode, parse_object
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
        ("{}".encode("utf-16"), "not JSON"),
        (b'{"name":"\xed\xa0\x80"}', "not JSON"),
        (b'{"name":"a"} {}', "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_a_wrong_field_is_refused_by_name(text: bytes, named: str) -> None:
    with pytest.raises(Malformed, match=named):
        decode(Sample, text)


def test_the_same_value_has_one_text() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()


def _level(levels: int) -> str:
    return '{"a":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


@pytest.mark.parametrize("levels", [2, 32])
def test_what_nests_as_deep_as_may_be_is_read(levels: int) -> None:
    assert parse_object(f" {_level(levels)} ") == parse_object(_level(levels).encode()) != {}


@pytest.mark.parametrize(
    "text",
    [
        _level(33),
        _level(100_000),
        _level(33).replace('"a"', r'"\\"'),
        _level(33).replace('"a"', r'"\"[{"'),
        f'{{"a":{"[" * 32}{{"b":1}}{"]" * 32}}}',
        f'{{"a":"{json.dumps(_level(9))[1:-1]}","b":{_level(33)}}}',
    ],
)
def test_what_nests_deeper_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="nested deeper than 32 levels"):
        parse_object(text)


def test_json_within_json_is_a_string_however_much_of_it() -> None:
    inner = [canonical_json({"a": [{"b": "]}"}]}).decode()] * 1_000

    assert parse_object(canonical_json({"inner": inner})) == {"inner": inner}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.dictionaries(st.text(), json_values), st.sampled_from(["", " ", "\n\t"]))
def test_it_reads_as_every_reader_of_json(value: dict[str, object], space: str) -> None:
    text = space + json.dumps(value, ensure_ascii=not space) + space

    assert parse_object(text) == json.loads(text)


@given(st.text(alphabet='{}[]",:\\ 1a-') | st.text())
def test_it_refuses_what_every_reader_of_json_refuses(text: str) -> None:
    try:
        read = json.loads(text)
        expected = read if isinstance(read, dict) else "expected a JSON object"
    except ValueError as error:
        expected = f"not JSON: {error}"
    try:
        found: object = parse_object(text)
    except Malformed as error:
        found = str(error)

    assert found == expected
