"""Reads what a machine sends to become a provider, and verifies that its key signed it."""

import re
from dataclasses import dataclass

from portal.functions.drafts import ARCHITECTURES
from portal.membership.errors import RequestInvalid
from portal.membership.ports import provider_member
from portal.membership.requests import checked
from portal.providers.errors import StatementInvalid
from wire import signing
from wire.codec import decode
from wire.enrolment import EnrolmentStatement, code_digest
from wire.errors import WireError
from wire.signing import PublicKey

_SEALING_KEY = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Application:
    """A verified statement: its sender holds both the code and the key."""

    key: PublicKey
    said: EnrolmentStatement


def check_own(key: PublicKey, request_pem: str) -> None:
    """Check that a machine asks for a certificate of its own signing key, under its own name.

    :raises RequestInvalid: when it does not.
    """
    request = checked(provider_member(key.key_id), request_pem)
    if request.public_key() != key.key:
        raise RequestInvalid(fields={"certificate_request": ["expected the key that signed the statement"]})


def read_application(code: str, statement: str) -> Application:
    """Verify a statement and return what it says.

    :raises StatementInvalid: when it is not signed by the key it names, is for another code, or a value is wrong.
    """
    try:
        # The signature is verified by the key inside: it proves that the sender holds that key, which is its purpose.
        claimed = decode(EnrolmentStatement, signing.payload_of(statement))
        key = PublicKey.from_pem(claimed.public_key_pem)
        said = decode(EnrolmentStatement, key.verify(statement, signing.ENROLMENT))
    except WireError as error:
        raise StatementInvalid(fields={"statement": [str(error)]}) from error
    if said.code_digest != code_digest(code):
        raise StatementInvalid(fields={"statement": ["It was signed for another code."]})
    if not _SEALING_KEY.fullmatch(said.sealing_key):
        raise StatementInvalid(fields={"statement": ["sealing_key: expected 64 hexadecimal digits"]})
    if said.architecture not in ARCHITECTURES:
        raise StatementInvalid(fields={"statement": [f"architecture: expected {' or '.join(ARCHITECTURES)}"]})
    if not _VERSION.fullmatch(said.agent_version):
        raise StatementInvalid(fields={"statement": ["agent_version: expected 1 to 32 of letters, digits, . + -"]})
    return Application(key=key, said=said)
