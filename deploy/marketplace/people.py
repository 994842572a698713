"""People with accounts, and the one file that keeps how they sign in."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from deploy.errors import DeployError
from deploy.files import secret_file
from deploy.marketplace.layout import Layout
from wire.http.portal import PortalClient, PortalRefused, tls_context

_CSRF_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_SECONDS = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody with an account."""

    name: str
    #: Asked for at sign-up.
    roles: tuple[str, ...] = ()
    #: Of an administrator: for which organisation it decides.
    organisation: str = ""

    @property
    def email(self) -> str:
        """An address that goes nowhere (RFC 2606)."""
        return f"{self.name}@example.org"

    def password_file(self, layout: Layout) -> Path:
        """Return the file with the person's password, made once."""
        return layout.secret(f"password-{self.name}")


class People:
    """Signs people up as a browser would, and keeps a token for each."""

    def __init__(self, layout: Layout, *, ca_file: Path) -> None:
        self._layout = layout
        self._ca_file = ca_file
        self._url = layout.ports.portal_url

    def note(self, people: list[Person]) -> Path:
        """Write how everybody signs in into a file that only its owner can read, and return it."""
        entries = [
            {
                "name": person.name,
                "roles": person.roles or f"administrator of the {person.organisation} organisation",
                "password": person.password_file(self._layout).read_text(),
            }
            for person in people
        ]
        text = json.dumps({"portal": self._url, "accounts": entries}, indent=2)
        return secret_file(self._layout.credentials, text + "\n")

    def client(self, person: Person) -> PortalClient:
        """Return the person's access to the REST API; the account is made at the first call."""
        token = self._layout.directory / "secrets" / f"token-{person.name}"
        if not token.exists():
            with _Browser(self._url, self._ca_file) as browser:
                password = person.password_file(self._layout).read_text()
                browser.enter(person, password)
                secret_file(token, browser.make_token("quickstart"))
        return PortalClient(self._url, self._ca_file, token=token.read_text(), keeps_connection=True)


class _Browser:
    """A session on the portal's pages."""

    def __init__(self, url: str, ca_file: Path) -> None:
        self._url = url
        self._http = httpx.Client(
            base_url=url, verify=tls_context(ca_file), timeout=_SECONDS, trust_env=False, headers={"Referer": f"{url}/"}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ended: object) -> None:
        self._http.close()

    def enter(self, person: Person, password: str) -> None:
        """Sign in; sign up first when the account is not there yet.

        :raises PortalRefused: when neither works.
        """
        known: dict[str, object] = {"username": person.name, "password": password}
        if self._submit("/sign-in", known):
            return
        asked = {"email": person.email, "password_again": password, "roles": list(person.roles)}
        if not (self._submit("/sign-up", known | asked) and (self._is_signed_in() or self._submit("/sign-in", known))):
            raise PortalRefused(f"the portal did not sign {person.name} up")

    def make_token(self, name: str) -> str:
        """Return the text of a new API token."""
        answer = self._http.post(
            "/api/v1/tokens", json={"name": name}, headers={"X-CSRFToken": self._csrf_token("/sign-up")}
        )
        if answer.status_code != httpx.codes.CREATED:
            raise PortalRefused(f"POST /api/v1/tokens: {answer.status_code} {answer.text[:300]}")
        return str(answer.json()["text"])

    def _submit(self, path: str, fields: Mapping[str, object]) -> bool:
        """Fill in a form; return whether it was taken (the answer then leads elsewhere)."""
        data = {**fields, "csrfmiddlewaretoken": self._csrf_token(path)}
        return self._http.post(path, data=data).is_redirect

    def _is_signed_in(self) -> bool:
        return self._http.get("/api/v1/account").is_success

    def _csrf_token(self, path: str) -> str:
        page = self._http.get(path, follow_redirects=True)
        found = _CSRF_FIELD.search(page.text)
        if not found:
            raise DeployError(f"{page.url}: {page.status_code}, and no form")
        return found[1]
