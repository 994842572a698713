"""Signatures: JWS compact serialisation with ES256 over the exact bytes sent, with a type tag.

Standard: RFC 7515 (JWS), RFC 7518 §3.4 (ES256), RFC 7638 (key thumbprint, used as key id).
"""

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


_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def _b64(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL)


def _unb64(text: str) -> bytes:
    encoded = text.encode()
    try:
        data = binascii.a2b_base64(encoded.translate(_FROM_URL) + b"=" * (-len(encoded) % 4))
    except ValueError as error:
        raise BadSignature("not base64url") from error
    if _b64(data) != encoded:
        raise BadSignature("not canonical base64url")
    return data


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal: how outputs, tickets and blocks are named."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Jws:
    """A JWS in its parts, taken apart once; nothing of it is verified."""

    header: str
    payload: bytes
    signature: bytes
    #: What the signature is over: header and payload as they are sent.
    signed: bytes

    @classmethod
    def read(cls, text: str) -> "Jws":
        """Take a JWS apart.

        :raises BadSignature: when it is none.
        """
        header, payload, signature = _parts(text)
        signed = text[: -len(signature) - 1].encode()
        jws = cls(header=header, signature=_signature(signature), payload=_unb64(payload), signed=signed)
        _header(header)
        return jws

    @classmethod
    def of(cls, header: str, payload: bytes, signature: str) -> "Jws":
        """Put a JWS together whose payload was decoded before; header and signature are as they are sent.

        :raises BadSignature: when it is none.
        """
        signed = b"%s.%s" % (header.encode(), _b64(payload))
        jws = cls(header=header, signature=_signature(signature), payload=payload, signed=signed)
        _header(header)
        return jws

    @property
    def key_id(self) -> str:
        """The id of the key that is said to have signed it.

        :raises BadSignature: when it names none.
        """
        return _key_id(self.header)


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
        x, y = (_b64(number.to_bytes(_HALF, "big")).decode() for number in (numbers.x, numbers.y))
        thumbprint = hashlib.sha256(canonical_json({"crv": "P-256", "kty": "EC", "x": x, "y": y}))
        return _b64(thumbprint.digest()).decode()

    def verify(self, jws: str | Jws, kind: str) -> bytes:
        """Return the payload of a JWS that this key signed for this purpose.

        :raises BadSignature: when it did not.
        """
        if isinstance(jws, str):
            jws = Jws.read(jws)
        header = _header(jws.header)
        if header.get("alg") != "ES256" or header.get("typ") != kind or header.get("kid") != self.key_id:
            raise BadSignature(f"expected a {kind} signed with ES256 by key {self.key_id}")
        r, s = (int.from_bytes(half, "big") for half in (jws.signature[:_HALF], jws.signature[_HALF:]))
        try:
            self.key.verify(encode_dss_signature(r, s), jws.signed, _DIGEST)
        except InvalidSignature as error:
            raise BadSignature(f"the {kind} was altered after key {self.key_id} signed it") from error
        return jws.payload


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
        signed = b"%s.%s" % (_b64(header), _b64(payload))
        r, s = decode_dss_signature(self.key.sign(signed, _DIGEST))
        return (b"%s.%s" % (signed, _b64(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")))).decode()


def key_id_of(jws: str) -> str:
    """Return the id of the key that a JWS says signed it; nothing is verified.

    :raises BadSignature: when it is not a JWS.
    """
    return _key_id(_parts(jws)[0])


def payload_of(jws: str) -> bytes:
    """Return the payload of a JWS without verifying it: only for bytes that were verified before.

    :raises BadSignature: when it is not a JWS.
    """
    return Jws.read(jws).payload


def _key_id(header: str) -> str:
    key_id = _header(header).get("kid")
    if not isinstance(key_id, str):
        raise BadSignature("the JWS names no key")
    return key_id


def _signature(text: str) -> bytes:
    signature = _unb64(text)
    if len(signature) != 2 * _HALF:
        raise BadSignature("an ES256 signature has 64 bytes")
    return signature


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
