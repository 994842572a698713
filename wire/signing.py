"""Signatures: JWS compact serialisation with ES256 over the exact bytes sent, with a type tag (design §5, rule 6).

Standard: RFC 7515 (JWS), RFC 7518 §3.4 (ES256), RFC 7638 (key thumbprint, used as key id).
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from wire.codec import canonical_json, parse_object
from wire.errors import BadSignature, Malformed

#: Type tags: a signature made for one purpose is never taken for another.
TICKET = "chainfaas-ticket"
RECEIPT = "chainfaas-receipt"
ACKNOWLEDGEMENT = "chainfaas-acknowledgement"
WORKING_KEY = "chainfaas-working-key"
ENROLMENT = "chainfaas-enrolment"
JOINING = "chainfaas-joining"
RENEWAL = "chainfaas-renewal"
QUERY = "chainfaas-query"
OPERATION = "chainfaas-operation"
TRANSACTION = "chainfaas-transaction"
BLOCK = "chainfaas-block"

_HALF = 32
_DIGEST = ec.ECDSA(hashes.SHA256())
#: A header names algorithm, purpose and key. It is read and remembered before anything is verified, so it is bounded.
_MOST_HEADER_CHARS = 1_024


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadSignature("not base64url") from error
    if _b64(data) != text:
        raise BadSignature("not canonical base64url")
    return data


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal: how outputs, tickets and blocks are named."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class PublicKey:
    """A P-256 key that verifies."""

    key: ec.EllipticCurvePublicKey

    @classmethod
    def from_pem(cls, pem: str) -> "PublicKey":
        """Read a public key in PEM.

        :raises Malformed: when it is not a P-256 public key.
        """
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed("public key: expected PEM") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise Malformed("public key: expected P-256")
        return cls(key)

    @property
    def pem(self) -> str:
        """The key in PEM, as it is stored and sent."""
        return self.key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @cached_property
    def key_id(self) -> str:
        """The RFC 7638 thumbprint: the same key has the same id everywhere."""
        numbers = self.key.public_numbers()
        x, y = (_b64(number.to_bytes(_HALF, "big")) for number in (numbers.x, numbers.y))
        return _b64(hashlib.sha256(canonical_json({"crv": "P-256", "kty": "EC", "x": x, "y": y})).digest())

    def verify(self, jws: str, kind: str) -> bytes:
        """Return the payload of a JWS that this key signed for this purpose.

        :raises BadSignature: when it did not.
        """
        signed, payload, signature, header = _split(jws)
        if header.get("alg") != "ES256" or header.get("typ") != kind or header.get("kid") != self.key_id:
            raise BadSignature(f"expected a {kind} signed with ES256 by key {self.key_id}")
        r, s = (int.from_bytes(half, "big") for half in (signature[:_HALF], signature[_HALF:]))
        try:
            self.key.verify(encode_dss_signature(r, s), signed, _DIGEST)
        except InvalidSignature as error:
            raise BadSignature(f"the {kind} was altered after key {self.key_id} signed it") from error
        return payload


@dataclass(frozen=True)
class SigningKey:
    """A P-256 key that signs. Never printed, never sent."""

    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        """Return the key's id, so that a log never shows the key."""
        return f"SigningKey({self.public.key_id})"

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "SigningKey":
        """Read a private key in PEM.

        :raises Malformed: when it is not an unencrypted P-256 private key.
        """
        try:
            key = serialization.load_pem_private_key(pem, None)
        except (ValueError, TypeError) as error:
            raise Malformed("private key: expected unencrypted PEM") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise Malformed("private key: expected P-256")
        return cls(key)

    def to_pem(self) -> bytes:
        """Return the key in PEM (PKCS 8), for a file of mode 0600."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @cached_property
    def public(self) -> PublicKey:
        """The key that verifies what this one signs."""
        return PublicKey(self.key.public_key())

    def sign(self, payload: bytes, kind: str) -> str:
        """Return `payload` as a compact JWS with the purpose `kind` as its type."""
        header = canonical_json({"alg": "ES256", "kid": self.public.key_id, "typ": kind})
        signed = f"{_b64(header)}.{_b64(payload)}"
        r, s = decode_dss_signature(self.key.sign(signed.encode(), _DIGEST))
        return f"{signed}.{_b64(r.to_bytes(_HALF, 'big') + s.to_bytes(_HALF, 'big'))}"


def key_id_of(jws: str) -> str:
    """Return the id of the key that a JWS says signed it; nothing is verified.

    :raises BadSignature: when it is not a JWS.
    """
    key_id = _header(_parts(jws)[0]).get("kid")
    if not isinstance(key_id, str):
        raise BadSignature("the JWS names no key")
    return key_id


def payload_of(jws: str) -> bytes:
    """Return the payload of a JWS without verifying it: only for bytes that were verified before.

    :raises BadSignature: when it is not a JWS.
    """
    return _split(jws)[1]


def _split(jws: str) -> tuple[bytes, bytes, bytes, Mapping[str, object]]:
    """Return what is signed, payload, signature and header."""
    header, payload, signature = _parts(jws)
    signed = _unb64(signature)
    if len(signed) != 2 * _HALF:
        raise BadSignature("an ES256 signature has 64 bytes")
    return f"{header}.{payload}".encode(), _unb64(payload), signed, _header(header)


def _parts(jws: str) -> list[str]:
    parts = jws.split(".")
    if len(parts) != 3 or not jws.isascii():  # noqa: PLR2004 - RFC 7515 §3.1: header, payload, signature
        raise BadSignature("not a compact JWS")
    return parts


def _header(text: str) -> Mapping[str, object]:
    if len(text) > _MOST_HEADER_CHARS:
        raise BadSignature(f"a JWS header has at most {_MOST_HEADER_CHARS} characters")
    return _read_header(text)


@lru_cache(maxsize=256)
def _read_header(text: str) -> Mapping[str, object]:
    """Return the header in a JWS's first part: all that one key signs for one purpose begin alike."""
    try:
        return parse_object(_unb64(text))
    except Malformed as error:
        raise BadSignature("the JWS header is not a JSON object") from error
