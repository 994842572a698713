"""Calling a function as an end user does."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from wire.http.portal import tls_context

_SECONDS = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class CallOutcome:
    """What came back."""

    status: int
    body: bytes
    invocation_id: str
    job_id: str
    #: From the first byte sent to the last one received.
    seconds: float


class Caller:
    """Keeps one connection to the functions' host."""

    def __init__(self, functions_url: str, *, ca_file: Path, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            base_url=functions_url, verify=tls_context(ca_file), timeout=_SECONDS, headers=headers, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self._http.close()

    def call(self, developer: str, function: str, body: bytes) -> CallOutcome:
        """Call a function and wait for its result."""
        begun = time.monotonic()
        response = self._http.post(f"/f/{developer}/{function}", content=body)
        return CallOutcome(
            status=response.status_code,
            body=response.content,
            invocation_id=response.headers.get("X-Invocation-Id", ""),
            job_id=response.headers.get("X-Job-Id", ""),
            seconds=time.monotonic() - begun,
        )
