"""Certificate requests as participants make them: checked before an authority sees them."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.membership.errors import RequestInvalid
from portal.membership.ports import Member

_LONGEST = 2_000


def checked(member: Member, request_pem: str) -> x509.CertificateSigningRequest:
    """Return a request that asks for a member's name, for its P-256 key, and for nothing else.

    An extension could name hosts: the authority would let a provider answer in a peer's place.

    :raises RequestInvalid: when it is none; the message says what is wrong with it.
    """
    if len(request_pem) > _LONGEST:
        raise _invalid(f"expected at most {_LONGEST} characters")
    try:
        request = x509.load_pem_x509_csr(request_pem.encode())
        is_signed = request.is_signature_valid
        names = [(item.oid, item.value) for item in request.subject]
        extensions = len(request.extensions)
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _invalid("expected a certificate request (PKCS 10) in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _invalid("expected a P-256 key")
    if not is_signed:
        raise _invalid("is not signed by its key")
    if names != [(NameOID.COMMON_NAME, member.name)]:
        raise _invalid(f"expected the subject CN={member.name} and nothing else")
    if extensions:
        raise _invalid("expected no extensions")
    return request


def _invalid(what: str) -> RequestInvalid:
    return RequestInvalid(fields={"certificate_request": [what]})
