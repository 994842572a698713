"""HTTP as ASGI gives it: reading a bounded request, sending one answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from portal.gateway.errors import CallerGone, CallRefused
from wire.problems import Reason

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]

#: On every answer: what a function returns is a stranger's, and nobody's to keep (docs/architecture.md, "The edge").
_ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; its body is read on demand."""

    scope: Scope
    receive: Receive

    @property
    def method(self) -> str:
        """The method, as it was sent."""
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """The path as it was sent, with its escapes."""
        raw = self.scope.get("raw_path") or self.scope["path"].encode()
        return bytes(raw).decode("latin-1")

    @property
    def query(self) -> bytes:
        """The query string as it was sent."""
        return bytes(self.scope["query_string"])

    def header(self, name: str) -> str | None:
        """Return a header's value.

        :raises CallRefused: when it is there more than once: parts that read it differently could be played off.
        """
        wanted = name.lower().encode()
        values = [value for key, value in self.scope["headers"] if key.lower() == wanted]
        if len(values) > 1:
            raise CallRefused(Reason.INVALID, f"Send the header {name} once.")
        return bytes(values[0]).decode("latin-1").strip() if values else None

    async def body(self, *, limit: int, seconds: float) -> bytes:
        """Read the body; never more than `limit` bytes of it are kept, nor for longer than `seconds`.

        :raises CallRefused: when it is too large or too slow.
        :raises CallerGone: when the caller left.
        """
        self._refuse_declared(limit)
        try:
            async with asyncio.timeout(seconds):
                return await self._read(limit)
        except TimeoutError:
            raise CallRefused(Reason.INPUT_TOO_SLOW, headers={"Connection": "close"}) from None

    def _refuse_declared(self, limit: int) -> None:
        declared = self.header("Content-Length")
        if declared is None:
            return
        if not (declared.isascii() and declared.isdecimal()):
            raise CallRefused(
                Reason.INVALID, "Content-Length: expected a whole number.", headers={"Connection": "close"}
            )
        if int(declared[:20]) > limit:
            raise _too_large(limit)

    async def _read(self, limit: int) -> bytes:
        body = bytearray()
        more = True
        while more:
            event = await self.receive()
            if event["type"] == "http.disconnect":
                raise CallerGone
            body += event.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            more = event.get("more_body", False)
        return bytes(body)

    async def gone(self) -> None:
        """Return once the caller has closed the connection; to be awaited after the body was read."""
        while (await self.receive())["type"] != "http.disconnect":
            pass


def _too_large(limit: int) -> CallRefused:
    detail = f"The body is larger than the {limit} bytes that the function takes."
    # The rest of the body is still on its way: without a close it would be read as the next request.
    return CallRefused(Reason.INPUT_TOO_LARGE, detail, headers={"Connection": "close"})


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpAnswer:
    """One HTTP answer."""

    status: int
    body: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    async def send(self, send: Send) -> None:
        """Send it."""
        headers = _ALWAYS | {"Content-Type": self.content_type, "Content-Length": str(len(self.body))}
        headers |= dict(self.headers)
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": raw})
        await send({"type": "http.response.body", "body": self.body})
