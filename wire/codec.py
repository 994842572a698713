"""Frozen dataclasses to canonical JSON and back: a tolerant reader around a strict core.

Unknown fields are ignored, so that an older program reads a newer message; a missing or wrong field is refused by name.
How a class is read and written is worked out once, from its fields' types: the ledger does it thousands of times a
second.
"""

import base64
import binascii
import dataclasses
import enum
import json
import re
import types
from collections.abc import Callable, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from wire.errors import Malformed

T = TypeVar("T")
#: Turns one of JSON's own values into a field's; the text names the field, for errors.
Reader = Callable[[Any, str], Any]
_LEAST_INT, _MOST_INT = -(2**63), 2**63 - 1
_MOST_LEVELS = 32
#: One without its end counts to the end of the text: else a hostile text would be searched again from each quote.
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_OWN_TYPES = frozenset({str, int, bool, float, type(None)})
#: A field of such a type takes every value of that type.
_AS_IT_IS = frozenset({str, bool, type(None)})
_DECODER = json.JSONDecoder()
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8. What is hashed and signed is this."""
    return _CANONICAL.encode(value).encode()


def to_plain(value: object) -> Any:
    """Return a dataclass as JSON's own types; bytes become base64."""
    kind: Any = type(value)
    if kind in _OWN_TYPES:
        return value
    if isinstance(value, enum.Enum):
        # What `value.value` returns, at a tenth of its cost.
        return value._value_
    shape = _shape(kind)
    if shape is not None:
        plain = shape.values(value)
        for name in shape.converted:
            if type(plain[name]) not in _OWN_TYPES:
                plain[name] = to_plain(plain[name])
        return plain
    if kind is dict or isinstance(value, Mapping):
        return _plain_dict(cast("Mapping[Any, object]", value))
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _plain_dict(value: Mapping[Any, object]) -> dict[str, Any]:
    return {
        key if type(key) is str else str(key): item if type(item) in _OWN_TYPES else to_plain(item)
        for key, item in value.items()
    }


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    """How a class is written."""

    names: tuple[str, ...]
    #: Returns the values of all fields, in the order of their names.
    get: Callable[[Any], Any]
    #: Fields that may hold something else than JSON's own types.
    converted: tuple[str, ...]

    def values(self, record: object) -> dict[str, Any]:
        """Return a record's fields by name."""
        if len(self.names) > 1:
            return dict(zip(self.names, self.get(record), strict=True))
        return {name: getattr(record, name) for name in self.names}


@cache
def _shape(kind: type[Any]) -> _Shape | None:
    if not dataclasses.is_dataclass(kind):
        return None
    hints = get_type_hints(kind)
    names = tuple(field.name for field in dataclasses.fields(kind))
    converted = tuple(name for name in names if not _OWN_TYPES.issuperset(_alternatives(hints[name])))
    return _Shape(names=names, get=attrgetter(*names) if names else _no_values, converted=converted)


def _no_values(_record: object) -> tuple[()]:
    return ()


def encode(value: object) -> bytes:
    """Return a dataclass as canonical JSON."""
    return canonical_json(to_plain(value))


def decode(cls: type[T], data: bytes | str) -> T:
    """Read a dataclass from JSON.

    :raises Malformed: when it is not JSON, or a field is missing or of another type.
    """
    return from_plain(cls, parse_object(data))


def parse_object(data: bytes | str) -> dict[str, Any]:
    """Return the JSON object in `data`.

    :raises Malformed: when there is none.
    """
    try:
        # Nothing but UTF-8: Python's own reader would guess others, which no other reader takes.
        text = data if isinstance(data, str) else data.decode()
        plain = _read_shallow(text)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise Malformed("expected a JSON object")
    return plain


def _read_shallow(text: str) -> Any:
    if _is_deep(text):
        raise ValueError(f"nested deeper than {_MOST_LEVELS} levels")
    if text.startswith("{"):
        # What `json.loads` does for a text without space around it, at half its cost.
        plain, end = _DECODER.raw_decode(text)
        if end == len(text):
            return plain
    return json.loads(text)


def _is_deep(text: str) -> bool:
    """Tell whether a text nests deeper than any message; by itself, for Python's own limit depends on its stack."""
    most = text.count("[") + text.count("{")
    if most <= _MOST_LEVELS:
        return False
    # A bracket before a backslash is part of a string, as all those of JSON within JSON are; or it ends what is JSON.
    if most - text.count("[\\") - text.count("{\\") < _MOST_LEVELS:
        return False
    level = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        level += 1 if bracket in "[{" else -1
        if level > _MOST_LEVELS:
            return True
    return False


def from_plain(cls: type[T], plain: Mapping[str, Any]) -> T:
    """Build a dataclass from JSON's own types.

    :raises Malformed: when a field is missing or of another type.
    """
    values: dict[str, Any] = {}
    for name, where, taken, read, required in _fields(cast("Any", cls)):
        if name in plain:
            value = plain[name]
            values[name] = value if type(value) in taken else read(value, where)
        elif required:
            raise Malformed(f"{where} is missing")
    return cls(**values)


@cache
def _fields(cls: Any) -> tuple[tuple[str, str, frozenset[type], Reader, bool], ...]:
    """Return name, name with its class, types taken as they are, reader, and whether it has to be there, of each."""
    hints = get_type_hints(cls)
    return tuple(
        (
            field.name,
            f"{cls.__name__}.{field.name}",
            _taken(hints[field.name]),
            _reader(hints[field.name]),
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
    )


def _taken(hint: Any) -> frozenset[type]:
    """Return the types of which a field of this one takes every value as it is."""
    kinds = frozenset(_alternatives(hint))
    return kinds & _AS_IT_IS if len(kinds - {type(None)}) == 1 else frozenset()


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types in a hint: one, or those of a union."""
    found = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(getattr(item, "__supertype__", item) for item in found)


def _reader(hint: Any) -> Reader:
    """Return what reads a field of this type."""
    first, *others = (item for item in _alternatives(hint) if item is not type(None))
    read = _reader_of_one(first)
    if others or type(None) not in _alternatives(hint):
        return read
    return lambda value, where: None if value is None else read(value, where)


def _reader_of_one(hint: Any) -> Reader:
    origin = get_origin(hint)
    if origin is tuple:
        return _reader_of_many(_reader(get_args(hint)[0]))
    if origin in (Mapping, dict):
        read = _reader(get_args(hint)[1])
        return lambda value, where: {
            key: read(item, f"{where}.{key}") for key, item in _expect(value, dict, where).items()
        }
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return lambda value, where: _read_enum(hint, value, where)
    if dataclasses.is_dataclass(hint):
        return lambda value, where: from_plain(cast("type[Any]", hint), _expect(value, dict, where))
    return _SCALARS.get(hint) or (lambda value, where: _expect(value, hint, where))


def _reader_of_many(read: Reader) -> Reader:
    def read_many(value: Any, where: str) -> tuple[Any, ...]:
        inside = f"{where}[]"
        return tuple(read(item, inside) for item in _expect(value, list, where))

    return read_many


def _read_int(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not _LEAST_INT <= value <= _MOST_INT:
        raise Malformed(f"{where}: expected a whole number of at most 64 bits")
    return value


def _read_bytes(value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(_expect(value, str, where), validate=True)
    except binascii.Error as error:
        raise Malformed(f"{where}: expected base64") from error


def _read_any(value: Any, _where: str) -> Any:
    return value


_SCALARS: dict[Any, Reader] = {int: _read_int, bytes: _read_bytes, Any: _read_any}


def _read_enum(hint: type[enum.Enum], value: Any, where: str) -> enum.Enum:
    try:
        return hint(value)
    except ValueError as error:
        raise Malformed(f"{where}: expected one of {', '.join(str(item.value) for item in hint)}") from error


def _expect(value: Any, kind: type[T], where: str) -> T:
    if not isinstance(value, kind):
        raise Malformed(f"{where}: expected {kind.__name__}")
    return value
