"""What a developer asks for: a function or a version before it exists, checked field by field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from django.core.exceptions import ValidationError

from portal.accounts.names import validate_name
from portal.functions.errors import FunctionInvalid
from portal.functions.models import Access, Mode
from wire.errors import OutOfRange
from wire.limits import BOUNDS, ENVIRONMENT_MAX_BYTES, Limits, check_environment
from wire.money import MAX_MICRO

ARCHITECTURES = ("amd64", "arm64")
#: One credit a millisecond: far above any sensible price, and safe to multiply.
MAX_PRICE_NANO_PER_MS = 10**9
MAX_RATE_PER_MINUTE = 100_000
MAX_DESCRIPTION = 200
MAX_VARIABLES = 64
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9_-]+=[A-Za-z0-9_.+-]+)*")
_MAX_CONTENT_TYPE = 100

Problems = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionDraft:
    """A version before its image was pinned."""

    #: `registry/name:tag` or `registry/name@sha256:…`
    image_link: str
    #: No provider that asks more runs it.
    price_ceiling_nano_per_ms: int
    #: What calls may cost in one day (UTC).
    budget_micro_per_day: int
    limits: Limits = field(default_factory=Limits)
    architecture: str = "amd64"
    environment: Mapping[str, str] = field(default_factory=dict)
    output_type: str = "application/octet-stream"
    mode: Mode = Mode.COMMAND
    access: Access = Access.OWNER
    get_allowed: bool = False
    rate_per_minute: int = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionDraft:
    """A function and its first version."""

    name: str
    version: VersionDraft
    description: str = ""


def check_function(draft: FunctionDraft) -> None:
    """Go on only with a draft that may become a function.

    :raises FunctionInvalid: naming every field that is wrong.
    """
    problems = _version_problems(draft.version)
    try:
        validate_name(draft.name)
    except ValidationError as error:
        problems["name"] = error.messages
    if len(draft.description) > MAX_DESCRIPTION:
        problems["description"] = [f"Use at most {MAX_DESCRIPTION} characters."]
    if problems:
        raise FunctionInvalid(fields=problems)


def check_version(draft: VersionDraft) -> None:
    """Go on only with a draft that may become a version.

    :raises FunctionInvalid: naming every field that is wrong.
    """
    problems = _version_problems(draft)
    if problems:
        raise FunctionInvalid(fields=problems)


def _version_problems(draft: VersionDraft) -> Problems:
    ranges = {
        "price_ceiling_nano_per_ms": (draft.price_ceiling_nano_per_ms, 0, MAX_PRICE_NANO_PER_MS),
        "budget_micro_per_day": (draft.budget_micro_per_day, 0, MAX_MICRO),
        "rate_per_minute": (draft.rate_per_minute, 1, MAX_RATE_PER_MINUTE),
    } | {item.name: (getattr(draft.limits, item.name), *BOUNDS[item.name]) for item in fields(Limits)}
    problems: Problems = {
        name: [f"Choose {low} to {high}."] for name, (value, low, high) in ranges.items() if not low <= value <= high
    }
    if draft.architecture not in ARCHITECTURES:
        problems["architecture"] = [f"Choose {' or '.join(ARCHITECTURES)}."]
    if draft.access not in Access.values:
        problems["access"] = [f"Choose one of {', '.join(Access.values)}."]
    if draft.mode not in Mode.values:
        problems["mode"] = [f"Choose one of {', '.join(Mode.values)}."]
    if not _CONTENT_TYPE.fullmatch(draft.output_type) or len(draft.output_type) > _MAX_CONTENT_TYPE:
        problems["output_type"] = ["Use a content type such as application/json."]
    return problems | _environment_problems(draft.environment)


def _environment_problems(environment: Mapping[str, str]) -> Problems:
    wrong = sorted(name for name in environment if not _VARIABLE.fullmatch(name))
    if wrong:
        return {"environment": [f"{wrong[0][:80]!r}: use upper-case letters, digits and _, not first a digit."]}
    if any("\0" in value for value in environment.values()):
        return {"environment": ["A value holds a NUL character."]}
    if len(environment) > MAX_VARIABLES:
        return {"environment": [f"Use at most {MAX_VARIABLES} variables."]}
    try:
        check_environment(environment)
    except OutOfRange:
        most = ENVIRONMENT_MAX_BYTES
        return {"environment": [f"Names and values together, as JSON: use at most {most} bytes of Unicode text."]}
    return {}
