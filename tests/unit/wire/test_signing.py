"""A signature holds for one key, one purpose and exactly these bytes."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from wire.errors import BadSignature, Malformed
from wire.signing import RECEIPT, TICKET, Jws, PublicKey, SigningKey, key_id_of, payload_of

KEY = SigningKey.generate()
JWS = KEY.sign(b'{"job_id":"j-1"}', TICKET)


def forged(part: int, text: bytes) -> str:
    parts = JWS.split(".")
    parts[part] = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
    return ".".join(parts)


def test_a_signed_payload_comes_back() -> None:
    assert KEY.public.verify(JWS, TICKET) == payload_of(JWS) == b'{"job_id":"j-1"}'
    assert key_id_of(JWS) == KEY.public.key_id


def test_a_jws_is_taken_apart_once_and_put_together_again() -> None:
    header, _, signature = JWS.split(".")

    taken_apart = Jws.read(JWS)

    assert Jws.of(header, taken_apart.payload, signature) == taken_apart
    assert taken_apart.key_id == KEY.public.key_id
    assert KEY.public.verify(taken_apart, TICKET) == payload_of(JWS)


def test_a_header_of_any_size_is_not_remembered() -> None:
    with pytest.raises(BadSignature, match="at most 1024 characters"):
        key_id_of(forged(0, b'{"kid":"' + b"x" * 2_000_000 + b'"}'))


def test_keys_survive_pem() -> None:
    again = SigningKey.from_pem(KEY.to_pem())
    assert again.public.key_id == KEY.public.key_id == PublicKey.from_pem(KEY.public.pem).key_id


def test_a_key_is_never_shown() -> None:
    assert repr(KEY) == f"SigningKey({KEY.public.key_id})"


@pytest.mark.parametrize(
    "jws",
    [
        forged(1, b'{"job_id":"j-2"}'),
        forged(0, b'{"alg":"none","kid":"x","typ":"chainfaas-ticket"}'),
        forged(0, b"[]"),
        forged(2, b""),
        forged(2, b"\0" * 64),
        JWS + "=",
        JWS[:-1],
        JWS + ".x",
        "",
        "..",
        "é.é.é",
    ],
)
def test_what_was_altered_is_refused(jws: str) -> None:
    with pytest.raises(BadSignature):
        KEY.public.verify(jws, TICKET)


def test_another_purpose_is_refused() -> None:
    with pytest.raises(BadSignature, match=RECEIPT):
        KEY.public.verify(JWS, RECEIPT)


def test_another_key_is_refused() -> None:
    with pytest.raises(BadSignature):
        SigningKey.generate().public.verify(JWS, TICKET)


def test_only_p256_keys_are_taken() -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(Malformed, match="P-256"):
        PublicKey.from_pem(public)
    with pytest.raises(Malformed, match="P-256"):
        SigningKey.from_pem(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def test_a_key_of_an_unknown_kind_is_refused() -> None:
    known = base64.b64decode("".join(KEY.public.pem.splitlines()[1:-1]))
    strange = base64.b64encode(known.replace(b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x2d")).decode()

    with pytest.raises(Malformed):
        PublicKey.from_pem(f"-----BEGIN PUBLIC KEY-----\n{strange}\n-----END PUBLIC KEY-----\n")


@pytest.mark.parametrize("pem", ["", "not a key"])
def test_what_is_no_key_is_refused(pem: str) -> None:
    with pytest.raises(Malformed, match="PEM"):
        PublicKey.from_pem(pem)
