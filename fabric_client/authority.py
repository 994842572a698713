"""Fabric CA's REST interface: register, enrol, revoke; each call has a time limit and fails in its own way."""

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx

from fabric_client.errors import AuthorityRefused, AuthorityUnavailable, BadIdentity
from fabric_client.identity import Identity, sign
from wire.codec import canonical_json

_SECONDS = 20
_SERVER_ERROR = 500
#: Fabric CA's codes: there is no such name; its password is wrong or it is revoked; it is revoked; it is taken.
NO_SUCH_NAME = 10
NOT_AUTHENTICATED, REVOKED = 20, 70
_REGISTERED_BEFORE = 74


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """A name that may enrol at a CA."""

    name: str
    #: What Fabric takes its holder for: client, peer, orderer or admin.
    kind: str
    password: str
    #: Path in the CA's tree, as `participants.readers`; its parts are units of the certificate's subject.
    affiliation: str = ""
    #: What it may do at the CA itself.
    attributes: Mapping[str, str] = field(default_factory=dict)


class AuthorityClient:
    """One organisation's CA.

    Each call raises `AuthorityUnavailable` when the CA does not answer: it may be made again. `AuthorityRefused` has
    the CA's words and codes.

    :raises BadIdentity: when the file with its root certificate is not usable.
    """

    def __init__(self, address: str, root: Path) -> None:
        try:
            context = ssl.create_default_context(cafile=str(root))
        except (OSError, ssl.SSLError) as error:
            raise BadIdentity(f"{root}: expected a file with PEM certificates ({error})") from error
        self._http = httpx.Client(
            base_url=f"https://{address}/api/v1",
            headers={"Content-Type": "application/json"},
            verify=context,
            timeout=_SECONDS,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def enrol(self, name: str, password: str, request: str, *, hosts: tuple[str, ...] = (), profile: str = "") -> bytes:
        """Return a certificate in PEM for a certificate request in PEM, whose common name has to be the name."""
        body = {"certificate_request": request, "hosts": list(hosts), "profile": profile}
        result = self._sent("enroll", canonical_json(body), auth=(name, password))
        return base64.b64decode(result["Cert"])

    def register(self, registrar: Identity, wanted: Registration) -> None:
        """Make a name known; harmless when it is known."""
        body = {
            "id": wanted.name,
            "type": wanted.kind,
            "secret": wanted.password,
            "max_enrollments": -1,
            "affiliation": wanted.affiliation,
            "attrs": [{"name": name, "value": value} for name, value in wanted.attributes.items()],
        }
        try:
            self._authorised(registrar, "register", body)
        except AuthorityRefused as refused:
            if _REGISTERED_BEFORE not in refused.codes:
                raise

    def revoke(self, registrar: Identity, name: str) -> None:
        """Revoke all certificates of a name, which gets no more of them."""
        self._authorised(registrar, "revoke", {"id": name})

    def revocation_list(self, registrar: Identity) -> bytes:
        """Return the list of all certificates that are revoked, in PEM."""
        result = self._authorised(registrar, "gencrl", {})
        return base64.b64decode(result["CRL"])

    def _authorised(self, registrar: Identity, path: str, body: object) -> Any:
        content = canonical_json(body)
        return self._sent(path, content, headers={"Authorization": _token(registrar, f"/api/v1/{path}", content)})

    def _sent(self, path: str, content: bytes, **permission: Any) -> Any:
        try:
            answer = self._http.post(f"/{path}", content=content, **permission)
            plain = answer.json()
        except httpx.HTTPError as error:
            raise AuthorityUnavailable(f"the CA at {self._http.base_url} does not answer: {error}") from error
        except ValueError as error:
            raise AuthorityUnavailable(f"the CA at {self._http.base_url} answered without JSON") from error
        if plain.get("success"):
            return plain["result"]
        raise _refusal(path, answer.status_code, plain.get("errors") or ())


def _refusal(path: str, status: int, errors: Any) -> AuthorityRefused | AuthorityUnavailable:
    words = f"the CA refused {path}: " + "; ".join(str(item.get("message")) for item in errors)
    codes = frozenset(item.get("code", 0) for item in errors)
    # Beyond these the CA itself failed: it may be well again soon.
    return AuthorityUnavailable(words) if status >= _SERVER_ERROR else AuthorityRefused(words, codes=codes)


def _token(identity: Identity, path: str, body: bytes) -> str:
    """Return what proves to a CA that this body was sent to this path by this identity."""
    certificate = base64.b64encode(identity.certificate).decode()
    parts = ("POST", base64.b64encode(path.encode()).decode(), base64.b64encode(body).decode(), certificate)
    signature = sign(identity.key, ".".join(parts).encode())
    return f"{certificate}.{base64.b64encode(signature).decode()}"
