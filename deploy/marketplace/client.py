"""The portal and its functions as people and programs reach them: over HTTPS, trusting one certificate authority."""

import ssl
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from deploy.errors import DeployError

_SECONDS = 60


class PortalRefused(DeployError):
    """The portal said no; the message has its answer."""


@cache
def tls_context(ca_file: Path) -> ssl.SSLContext:
    """Return what trusts the authority in a file, and no other."""
    return ssl.create_default_context(cafile=str(ca_file))


class PortalClient:
    """One account's access to the REST API, by token."""

    def __init__(self, url: str, *, ca_file: Path, token: str) -> None:
        self._http = httpx.Client(
            base_url=f"{url}/api/v1/",
            verify=tls_context(ca_file),
            timeout=_SECONDS,
            headers={"Authorization": f"Bearer {token}"},
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """Return what lies under `/api/v1/<path>`.

        :raises PortalRefused: when the portal says no.
        """
        return self._answer(self._http.get(path))

    def post(self, path: str, body: object = None) -> Any:
        """Send something to `/api/v1/<path>`.

        :raises PortalRefused: when the portal says no.
        """
        return self._answer(self._http.post(path, json=body))

    def _answer(self, response: httpx.Response) -> Any:
        if not response.is_success:
            request = response.request
            raise PortalRefused(f"{request.method} {request.url.path}: {response.status_code} {response.text[:500]}")
        return response.json() if response.content else None
