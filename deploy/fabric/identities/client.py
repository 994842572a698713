"""Fabric CA's REST interface: register, enrol, revoke."""

import base64
import ssl
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from deploy.errors import DeployError
from fabric_client.identity import Identity, sign
from wire.codec import canonical_json
from wire.signing import SigningKey

_SECONDS = 30
#: Fabric CA's code for a name that is taken.
_REGISTERED_BEFORE = 74


class AuthorityRefused(DeployError):
    """A CA did not do what was asked; the message has its words."""


class AuthorityClient:
    """One organisation's CA."""

    def __init__(self, address: str, root: Path) -> None:
        context = ssl.create_default_context(cafile=str(root))
        self._http = httpx.Client(base_url=f"https://{address}/api/v1", verify=context, timeout=_SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def enrol(
        self, name: str, password: str, key: SigningKey, *, hosts: tuple[str, ...] = (), profile: str = ""
    ) -> bytes:
        """Return a certificate in PEM for a key that never leaves this process."""
        body = {"certificate_request": _request(name, key), "hosts": list(hosts), "profile": profile}
        result = self._result(self._http.post("/enroll", json=body, auth=(name, password)))
        return base64.b64decode(result["Cert"])

    def register(self, registrar: Identity, name: str, kind: str, password: str) -> None:
        """Make a name known; harmless when it is known with the same password."""
        body = {"id": name, "type": kind, "secret": password, "max_enrollments": -1, "affiliation": ""}
        answer = self._post(registrar, "register", body)
        if _REGISTERED_BEFORE not in _codes(answer):
            self._result(answer)

    def revoke(self, registrar: Identity, name: str) -> bytes:
        """Revoke all certificates of a name and return the new revocation list in PEM."""
        result = self._result(self._post(registrar, "revoke", {"id": name, "gencrl": True}))
        return base64.b64decode(result["CRL"])

    def _post(self, registrar: Identity, path: str, body: object) -> httpx.Response:
        content = canonical_json(body)
        token = _token(registrar, f"/api/v1/{path}", content)
        headers = {"Authorization": token, "Content-Type": "application/json"}
        try:
            return self._http.post(f"/{path}", content=content, headers=headers)
        except httpx.HTTPError as error:
            raise AuthorityRefused(f"the CA at {self._http.base_url} does not answer: {error}") from error

    def _result(self, answer: httpx.Response) -> Any:
        try:
            plain = answer.json()
        except ValueError as error:
            raise AuthorityRefused(f"the CA answered {answer.status_code} without JSON") from error
        if not plain.get("success"):
            words = "; ".join(str(item.get("message")) for item in plain.get("errors", ()))
            raise AuthorityRefused(f"the CA refused {answer.request.url.path}: {words}")
        return plain["result"]


def _codes(answer: httpx.Response) -> list[int]:
    try:
        return [item.get("code", 0) for item in answer.json().get("errors") or ()]
    except ValueError:
        return []


def _request(name: str, key: SigningKey) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key.key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _token(identity: Identity, path: str, body: bytes) -> str:
    """Return what proves to a CA that this body was sent to this path by this identity."""
    certificate = base64.b64encode(identity.certificate).decode()
    parts = ("POST", base64.b64encode(path.encode()).decode(), base64.b64encode(body).decode(), certificate)
    signature = sign(identity.key, ".".join(parts).encode())
    return f"{certificate}.{base64.b64encode(signature).decode()}"
