"""What a path asks for. Everything that is not spelt exactly is nothing."""

import re
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CallFunction:
    """`/f/<developer>/<function>`."""

    developer: str
    function: str


@dataclass(frozen=True, slots=True)
class AskInvocation:
    """`/i/<invocation id>`, or its `/result`."""

    invocation_id: UUID
    wants_result: bool


@dataclass(frozen=True, slots=True)
class AskHealth:
    """`/healthz`."""


Route = CallFunction | AskInvocation | AskHealth

_NAME = "[a-z0-9][a-z0-9-]{0,38}"
_CALL = re.compile(f"/f/({_NAME})/({_NAME})")
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_INVOCATION = re.compile(f"/i/({_UUID})(/result)?")


def route(path: str) -> Route | None:
    """Return what an undecoded path asks for; none of our paths needs an escape, so one with an escape is unknown."""
    if call := _CALL.fullmatch(path):
        return CallFunction(call[1], call[2])
    if invocation := _INVOCATION.fullmatch(path):
        return AskInvocation(UUID(invocation[1]), wants_result=invocation[2] is not None)
    return AskHealth() if path == "/healthz" else None


def status_path(invocation_id: UUID) -> str:
    """Return where an invocation's status is."""
    return f"/i/{invocation_id}"
