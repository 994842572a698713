"""A portal's REST API, as a provider's machine, an operator's and the tools around a marketplace call it."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import httpx

from wire.codec import decode
from wire.errors import Malformed, WireError
from wire.joining import is_loopback

T = TypeVar("T")
#: Between an answer's parts; a portal that cannot be reached is known earlier.
_TIMEOUT = httpx.Timeout(60, connect=20)


class PortalFailed(WireError):
    """The portal cannot be asked, or its answer is no answer."""


class PortalUnreachable(PortalFailed):
    """The portal did not answer; the same can be asked again."""


class PortalRefused(PortalFailed):
    """The portal said no, and why."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        #: As in docs/errors.md; empty when it was no error of the portal's.
        self.reason = reason


class PortalClient:
    """One portal, for one account if there is a token; a connection is kept from one question to the next if asked.

    `authority` is a PEM file with the authority to trust instead of this machine's own list.

    :raises PortalFailed: when the address is not HTTPS, or the file is not a certificate.
    """

    #: A longer answer is not read to its end.
    answer_max_bytes: ClassVar[int] = 4 * 1024 * 1024

    def __init__(
        self,
        url: str,
        authority: Path | None = None,
        *,
        token: str = "",
        keeps_connection: bool = False,
        plain_on_loopback: bool = False,
    ) -> None:
        host = _private_host(url, plain_on_loopback=plain_on_loopback)
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            verify=tls_context(authority),
            timeout=_TIMEOUT,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            limits=httpx.Limits(max_keepalive_connections=1 if keeps_connection else 0),
            # No proxy stands between a machine and itself.
            trust_env=not is_loopback(host),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """Return what lies under `/api/v1/<path>`.

        :raises PortalFailed: as `ask` does.
        """
        return _parsed(self._send("GET", f"api/v1/{path}"))

    def post(self, path: str, body: object = None) -> Any:
        """Send something to `/api/v1/<path>`, and return the answer.

        :raises PortalFailed: as `ask` does.
        """
        return _parsed(self._send("POST", f"api/v1/{path}", body))

    def ask(self, kind: type[T], path: str, body: object) -> T:
        """Send something to `/api/v1/<path>`, and return the answer as a dataclass.

        :raises PortalRefused: when the portal refuses, with its hint, or answers something else.
        :raises PortalUnreachable: when it does not answer.
        """
        try:
            return decode(kind, self._send("POST", f"api/v1/{path}", body))
        except Malformed as error:
            raise PortalRefused(f"{self.url} answered what this program does not understand: {error}") from error

    def clock_ms(self) -> int:
        """Return the time by the portal's Date header (whole seconds), in milliseconds since 1970 UTC.

        :raises PortalUnreachable: when it does not answer.
        :raises PortalRefused: when it sends no date.
        """
        with self._plainly():
            response = self._http.get(f"{self.url}/healthz")
        try:
            return int(parsedate_to_datetime(response.headers["date"]).timestamp()) * 1000
        except (KeyError, ValueError) as error:
            raise PortalRefused(f"{self.url} sends no date") from error

    def _send(self, method: str, path: str, body: object = None) -> bytes:
        with self._plainly(), self._http.stream(method, f"{self.url}/{path}", json=body) as response:
            content = _bounded(response, self.answer_max_bytes)
        if not response.is_success:
            raise _refusal(response, content)
        return content

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise PortalUnreachable(
                f"{self.url} does not answer, it cannot be reached: {error}{_advice(error)}"
            ) from error
        except httpx.HTTPError as error:
            raise PortalUnreachable(f"{self.url} did not answer ({type(error).__name__}): try again") from error


def tls_context(authority: Path | None) -> ssl.SSLContext:
    """Return what trusts the authority in a file and no other, or this machine's own list.

    :raises PortalFailed: when the file is not a certificate.
    """
    try:
        return ssl.create_default_context(cafile=str(authority) if authority else None)
    except (OSError, ssl.SSLError) as error:
        raise PortalFailed(f"{authority}: expected a file with PEM certificates ({error})") from error


def _private_host(url: str, *, plain_on_loopback: bool) -> str:
    """Return the host of an address, where nobody on the way can read what is sent or answer in its place."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise PortalFailed(f"{url}: {error}") from error
    is_plain = plain_on_loopback and parsed.scheme == "http" and is_loopback(parsed.host)
    if not parsed.host or not (is_plain or parsed.scheme == "https"):
        raise PortalFailed(f"{url}: expected an address that begins with https://")
    return parsed.host


def _advice(error: Exception) -> str:
    private = "CERTIFICATE_VERIFY_FAILED" in str(error)
    return ". If the portal uses an authority of its own, name its certificate with --ca" if private else ""


def _bounded(response: httpx.Response, most_bytes: int) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > most_bytes:
            raise PortalRefused("the portal's answer is too large")
    return body


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError as error:
        raise PortalRefused(f"the portal's answer is not JSON: {error}") from error


def _refusal(response: httpx.Response, content: bytes) -> PortalRefused:
    """Return the words of an error of the portal's: hint, the fields that are wrong, when to try again."""
    try:
        told = json.loads(content)
        words, fields, request_id = [str(told["hint"])], dict(told.get("fields") or {}), told.get("request_id")
        words += [f"{name}: {' '.join(wrong) if isinstance(wrong, list) else wrong}" for name, wrong in fields.items()]
        reason = str(told.get("reason", ""))
    except (ValueError, AttributeError, TypeError, KeyError):
        return PortalRefused(f"the portal answered with status {response.status_code}")
    if seconds := response.headers.get("Retry-After", ""):
        words.append(f"Try again in {seconds} s.")
    if request_id:
        words.append(f"(request {request_id})")
    return PortalRefused(" ".join(words), reason=reason)
