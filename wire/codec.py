"""Frozen dataclasses to canonical JSON and back: a tolerant reader around a strict core.

Unknown fields are ignored, so that an older program reads a newer message; a missing or wrong field is refused by name.
"""

import base64
import binascii
import dataclasses
import enum
import json
import re
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from wire.errors import Malformed

T = TypeVar("T")
#: Whole numbers on the wire fit in 64 bits.
_INT_RANGE = range(-(2**63), 2**63)
_MOST_LEVELS = 32
#: One without its end counts to the end of the text: else a hostile text would be searched again from each quote.
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(r"[\[\]{}]")
_OWN_TYPES = frozenset({str, int, bool, float, type(None)})


def canonical_json(value: object) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8. What is hashed and signed is this."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def to_plain(value: object) -> Any:
    """Return a dataclass as JSON's own types; bytes become base64."""
    kind: Any = type(value)
    if kind in _OWN_TYPES:
        return value
    names = _names(kind)
    if names is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(item) for item in value]
    return _plain_scalar(value)


def _plain_scalar(value: object) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


@cache
def _names(kind: type[Any]) -> tuple[str, ...] | None:
    """Return the fields of a dataclass, looked up once: the ledger encodes thousands of records a second."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


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
    if _is_deep(data):
        raise Malformed(f"not JSON: nested deeper than {_MOST_LEVELS} levels")
    try:
        plain = json.loads(data)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise Malformed("expected a JSON object")
    return plain


def _is_deep(data: bytes | str) -> bool:
    """Tell whether a text nests deeper than any message; by itself, for Python's own limit depends on its stack."""
    text = data if isinstance(data, str) else data.decode(errors="replace")
    if text.count("[") + text.count("{") <= _MOST_LEVELS:
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
    for name, (hint, required) in _fields(cast("Any", cls)).items():
        if name in plain:
            values[name] = _read(hint, plain[name], f"{cls.__name__}.{name}")
        elif required:
            raise Malformed(f"{cls.__name__}.{name} is missing")
    return cls(**values)


@cache
def _fields(cls: Any) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(cls)
    return {
        field.name: (
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(cls)
    }


def _read(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in get_args(hint):
            return None
        return _read(next(arg for arg in get_args(hint) if arg is not type(None)), value, where)
    if origin is tuple:
        return tuple(_read(get_args(hint)[0], item, f"{where}[]") for item in _expect(value, list, where))
    if origin in (Mapping, dict):
        items = cast("dict[str, Any]", _expect(value, dict, where)).items()
        return {key: _read(get_args(hint)[1], item, f"{where}.{key}") for key, item in items}
    return _read_scalar(getattr(hint, "__supertype__", hint), value, where)


def _read_scalar(hint: Any, value: Any, where: str) -> Any:
    if hint is Any:
        return value
    if hint is bytes:
        return _read_bytes(_expect(value, str, where), where)
    if hint is int:
        return _read_int(value, where)
    if dataclasses.is_dataclass(hint):
        return from_plain(cast("type[Any]", hint), _expect(value, dict, where))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return _read_enum(hint, value, where)
    return _expect(value, hint, where)


def _read_int(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _INT_RANGE:
        raise Malformed(f"{where}: expected a whole number of at most 64 bits")
    return value


def _read_bytes(value: str, where: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise Malformed(f"{where}: expected base64") from error


def _read_enum(hint: type[enum.Enum], value: Any, where: str) -> enum.Enum:
    try:
        return hint(value)
    except ValueError as error:
        raise Malformed(f"{where}: expected one of {', '.join(str(item.value) for item in hint)}") from error


def _expect(value: Any, kind: type[T], where: str) -> T:
    if not isinstance(value, kind):
        raise Malformed(f"{where}: expected {kind.__name__}")
    return value
