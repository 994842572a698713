"""The portal over HTTPS, as the agent calls it: to enrol, to claim, and to look at its clock."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TypeVar

import httpx

from provider_agent.errors import AgentError
from wire.codec import decode
from wire.enrolment import Membership
from wire.errors import Malformed

T = TypeVar("T")

#: Between an answer's parts; a slow portal is asked again by running the command again.
_TIMEOUT_SECONDS = 20
_ANSWER_MAX_BYTES = 256 * 1024


class PortalUnreachable(AgentError):
    """The portal did not answer; the same command can be run again."""


class PortalRefused(AgentError):
    """The portal said no, and why."""

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        #: As in docs/errors.md; empty when it was no error of the portal's.
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class BrokerAccess:
    """How this provider reaches the broker."""

    url: str
    vhost: str
    user: str
    password: str


@dataclass(frozen=True, kw_only=True, slots=True)
class EnrolmentAnswer:
    """What a machine learns when it is enrolled."""

    provider_id: str
    name: str
    certificate_pem: str
    root_key_pem: str
    broker: BrokerAccess
    jobs_queue: str
    control_queue: str
    heartbeat_seconds: int
    allowed_registries: tuple[str, ...] = ()
    #: None where the ledger is no Fabric network.
    fabric: Membership | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RenewalAnswer:
    """An enrolled machine's certificates."""

    certificate_pem: str
    fabric: Membership | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationAnswer:
    """Where an operation on the ledger stands."""

    operation_id: str
    #: pending, submitted, committed, refused or set_aside.
    state: str
    #: Why it was refused.
    reason: str
    #: Of the job that it is about, as the ledger has it; empty when that is not known.
    job_state: str
    #: Whether it was this very call that brought it about.
    is_new: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class PortalProblem:
    """A JSON error of the portal."""

    hint: str
    reason: str = ""
    request_id: str = ""
    retryable: bool = False


class Portal:
    """One portal. `authority` is a PEM file with the authority to trust instead of this machine's own list.

    :raises AgentError: when the address is not HTTPS, or the file is not a certificate.
    """

    def __init__(self, url: str, authority: Path | None = None) -> None:
        parsed = _parsed(url)
        if parsed.scheme != "https" or not parsed.host:
            raise AgentError(f"{url}: expected an address that begins with https://")
        self.url = url.rstrip("/")
        try:
            self._context = ssl.create_default_context(cafile=str(authority) if authority else None)
        except (OSError, ssl.SSLError) as error:
            raise AgentError(f"{authority}: expected a file with PEM certificates ({error})") from error

    def enrol(self, *, code: str, statement: str, certificate_request: str) -> EnrolmentAnswer:
        """Exchange a one-time code and this machine's statement for its place in the marketplace.

        :raises PortalRefused: when the portal refuses; the message is its hint.
        :raises PortalUnreachable: when it does not answer.
        """
        request = {"code": code, "statement": statement, "certificate_request": certificate_request}
        return self._post("enrolments", request, EnrolmentAnswer)

    def renew(self, *, statement: str, certificate_request: str) -> RenewalAnswer:
        """Return this machine's certificates; a new one for the network when a request for it is given.

        :raises PortalRefused: when the portal refuses; the message is its hint.
        :raises PortalUnreachable: when it does not answer.
        """
        request = {"statement": statement, "certificate_request": certificate_request}
        return self._post("renewals", request, RenewalAnswer)

    def submit(self, operation: str) -> OperationAnswer:
        """Send an operation that this machine signed to the ledger; the same again only asks where it stands.

        :raises PortalRefused: when the portal refuses; the message is its hint.
        :raises PortalUnreachable: when it does not answer.
        """
        return self._post("ledger/operations", {"operation": operation}, OperationAnswer)

    def clock_ms(self) -> int:
        """Return the time by the portal's Date header (whole seconds), in milliseconds since 1970 UTC.

        :raises PortalUnreachable: when it does not answer.
        :raises PortalRefused: when it sends no date.
        """
        with self._client() as client:
            response = client.get(f"{self.url}/healthz")
        try:
            return int(parsedate_to_datetime(response.headers["date"]).timestamp()) * 1000
        except (KeyError, ValueError) as error:
            raise PortalRefused(f"{self.url} sends no date") from error

    def _post(self, path: str, request: dict[str, str], answer: type[T]) -> T:
        with (
            self._client() as client,
            client.stream("POST", f"{self.url}/api/v1/{path}", json=request) as response,
        ):
            body = _bounded(response)
        if not response.is_success:
            raise _refusal(response.status_code, body)
        try:
            return decode(answer, body)
        except Malformed as error:
            raise PortalRefused(f"{self.url} answered something else than asked for: {error}") from error

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        try:
            with httpx.Client(verify=self._context, timeout=_TIMEOUT_SECONDS, follow_redirects=False) as client:
                yield client
        except httpx.ConnectError as error:
            raise PortalUnreachable(f"{self.url} cannot be reached: {error}{_advice(error)}") from error
        except httpx.HTTPError as error:
            raise PortalUnreachable(f"{self.url} did not answer ({type(error).__name__}): try again") from error


def _parsed(url: str) -> httpx.URL:
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AgentError(f"{url}: {error}") from error


def _advice(error: Exception) -> str:
    private = "CERTIFICATE_VERIFY_FAILED" in str(error)
    return ". If the portal uses an authority of its own, name its certificate with --ca" if private else ""


def _bounded(response: httpx.Response) -> bytes:
    body = b""
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > _ANSWER_MAX_BYTES:
            raise PortalRefused("the portal's answer is too large")
    return body


def _refusal(status: int, body: bytes) -> PortalRefused:
    try:
        problem = decode(PortalProblem, body)
    except Malformed:
        return PortalRefused(f"the portal answered with status {status}")
    hint = f"{problem.hint} (request {problem.request_id})" if problem.request_id else problem.hint
    return PortalRefused(hint, reason=problem.reason)
