"""The one question to the portal: certificates for keys that stay here, and what there is to know of the network."""

import httpx

from deploy.errors import DeployError
from deploy.fabric.joining.home import Keys
from wire.codec import decode, encode
from wire.enrolment import certificate_request, code_digest
from wire.errors import WireError
from wire.joining import JoinKit, JoinStatement, is_loopback, names_of
from wire.signing import JOINING

_SECONDS = 60
_OK = 200


class JoinRefused(DeployError):
    """The portal does not let this machine join; the message has its words."""


def ask(portal: str, code: str, *, keys: Keys, host: str) -> JoinKit:
    """Return what the portal answers; the same question again gets certificates again.

    :raises JoinRefused: when it refuses, does not answer, or is no such portal.
    """
    _require_private(portal)
    names = names_of(keys.operator.public.key_id, keys.peer.public.key_id)
    statement = JoinStatement(
        code_digest=code_digest(code),
        public_key_pem=keys.operator.public.pem,
        host=host,
        operator_request=certificate_request(names.operator, keys.operator),
        peer_request=certificate_request(names.peer, keys.peer),
        tls_request=certificate_request(names.peer, keys.tls),
    )
    body = {"code": code, "statement": keys.operator.sign(encode(statement), JOINING)}
    try:
        answer = httpx.post(f"{portal.rstrip('/')}/api/v1/joins", json=body, timeout=_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise JoinRefused(f"{portal} does not answer ({error}): check the address, then run the same again") from error
    if answer.status_code != _OK:
        raise JoinRefused(f"{portal} refuses: {_words(answer)}")
    try:
        return decode(JoinKit, answer.content)
    except WireError as error:
        raise JoinRefused(f"{portal} answered what this program does not understand: {error}") from error


def _require_private(portal: str) -> None:
    """Go on only where nobody between here and the portal can read the code, or answer in its place."""
    try:
        address = httpx.URL(portal)
    except httpx.InvalidURL as error:
        raise JoinRefused(f"{portal} is no address: {error}") from error
    if address.scheme != "https" and not (address.scheme == "http" and is_loopback(address.host)):
        raise JoinRefused(f"{portal}: expected an address that begins with https://")


def _words(answer: httpx.Response) -> str:
    try:
        told = answer.json()
        fields = [f"{name}: {' '.join(problems)}" for name, problems in (told.get("fields") or {}).items()]
        return " ".join([str(told["hint"]), *fields])
    except (ValueError, AttributeError, TypeError, KeyError):
        return f"status {answer.status_code}"
