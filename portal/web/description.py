"""The OpenAPI description as people read it: operations with their fields, and an example of each."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_BASE = "/api/v1/"
_METHODS = ("get", "post", "put", "patch", "delete")
_SAMPLES = {"integer": 1, "number": 1, "boolean": True, "array": [], "object": {}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a body, or one parameter of an address."""

    name: str
    #: `text`, `whole number`, `list of Version` …
    kind: str
    is_required: bool
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedAnswer:
    """What comes with one status."""

    status: str
    kind: str
    #: Name of the object that it holds, one or many of; empty: none that is described.
    thing: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DescribedCall:
    """One method of one address."""

    method: str
    path: str
    text: str
    needs_token: bool
    parameters: Sequence[Field]
    body: Sequence[Field]
    answers: Sequence["DescribedAnswer"]
    example: str

    @property
    def anchor(self) -> str:
        """Where it stands on the page."""
        return f"{self.method}-{self.path}".lower().translate(str.maketrans("/{}_:", "-----"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """All of it."""

    #: Calls by the first word of their address.
    groups: Sequence[tuple[str, Sequence[DescribedCall]]]
    #: What the answers hold: name, what it is, and fields.
    things: Sequence[tuple[str, str, Sequence[Field]]]


@cache
def description() -> Described:
    """Return the description; it is the same as long as the process lives."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call] # the library's
    schemas: dict[str, Any] = schema["components"]["schemas"]
    groups: dict[str, list[DescribedCall]] = {}
    for call in _calls(schema["paths"], schemas):
        groups.setdefault(call.path.removeprefix(_BASE).partition("/")[0], []).append(call)
    things = [(name, _line(body), _fields(body)) for name, body in sorted(schemas.items()) if body.get("properties")]
    return Described(groups=sorted(groups.items()), things=things)


def _calls(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[DescribedCall]:
    for path, methods in paths.items():
        for method in _METHODS:
            if method in methods:
                yield _call(method.upper(), path, methods[method], schemas)


def _call(method: str, path: str, plain: Mapping[str, Any], schemas: Mapping[str, Any]) -> DescribedCall:
    content = plain.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    body = schemas.get(_name(content), content)
    security = plain.get("security", [{}])
    return DescribedCall(
        method=method,
        path=path,
        text=_line(plain),
        needs_token=any(security),
        parameters=[_parameter(item) for item in plain.get("parameters", ())],
        body=_fields(body),
        answers=list(_answers(plain["responses"], schemas)),
        example=_example(method, path, body, needs_token=any(security)),
    )


def _answers(responses: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[DescribedAnswer]:
    for status, answer in responses.items():
        if status != "default":
            kinds = [_kind(part.get("schema", {})) for part in answer.get("content", {}).values()]
            kind = kinds[0] if kinds else "nothing"
            thing = kind.removeprefix("list of ")
            yield DescribedAnswer(
                status=status, kind=kind, thing=thing if schemas.get(thing, {}).get("properties") else ""
            )


def _parameter(plain: Mapping[str, Any]) -> Field:
    text, is_required = plain.get("description", ""), bool(plain.get("required"))
    return Field(name=plain["name"], kind=_kind(plain.get("schema", {})), is_required=is_required, text=text)


def _fields(body: Mapping[str, Any]) -> list[Field]:
    required = set(body.get("required", ()))
    return [
        Field(name=name, kind=_kind(plain), is_required=name in required, text=plain.get("description", ""))
        for name, plain in body.get("properties", {}).items()
    ]


def _kind(plain: Mapping[str, Any]) -> str:
    """Return a type in words."""
    if name := _name(plain):
        return name
    for choice in ("allOf", "oneOf", "anyOf"):
        if choice in plain:
            return " or ".join(dict.fromkeys(_kind(part) for part in plain[choice]))
    if plain.get("type") == "array":
        return f"list of {_kind(plain.get('items', {}))}"
    if "enum" in plain:
        return "one of " + ", ".join(str(value) for value in plain["enum"] if value not in {"", None})
    words = {"string": "text", "integer": "whole number", "boolean": "true or false", "object": "object"}
    kind = words.get(plain.get("type", ""), "anything")
    formats = {"uuid": "id", "date-time": "time"}
    return formats.get(plain.get("format", ""), kind)


def _name(plain: Mapping[str, Any]) -> str:
    return str(plain.get("$ref", "")).rpartition("/")[2]


def _line(plain: Mapping[str, Any]) -> str:
    return str(plain.get("description", "")).strip()


def _example(method: str, path: str, body: Mapping[str, Any], *, needs_token: bool) -> str:
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    if needs_token:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    required = set(body.get("required", ()))
    sample = {name: _sample(name, plain) for name, plain in body.get("properties", {}).items() if name in required}
    if sample:
        parts.append(f"-H 'Content-Type: application/json' -d '{json.dumps(sample, ensure_ascii=False)}'")
    return " ".join([*parts, f"$PORTAL{path}"])


def _sample(name: str, plain: Mapping[str, Any]) -> object:
    if "enum" in plain:
        return plain["enum"][0]
    return _SAMPLES.get(plain.get("type", ""), "…" if plain.get("type") else {}) if name else ""
