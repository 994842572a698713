"""Who signs: an X.509 certificate of an organisation's CA with its key."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fabric_protos.msp import identities_pb2

from fabric_client.errors import BadIdentity
from wire.errors import Malformed
from wire.signing import SigningKey

#: The order of P-256. Fabric takes of the two valid signatures only the one with the lower s.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A member of an organisation."""

    msp_id: str
    #: In PEM.
    certificate: bytes
    key: SigningKey

    @classmethod
    def read(cls, msp_id: str, directory: Path) -> "Identity":
        """Read the certificate and key of an MSP directory (`signcerts/cert.pem`, `keystore/key.pem`).

        :raises BadIdentity: when a file is missing or no P-256 key.
        """
        certificate, key = directory / "signcerts" / "cert.pem", directory / "keystore" / "key.pem"
        try:
            return cls(msp_id=msp_id, certificate=certificate.read_bytes(), key=SigningKey.from_pem(key.read_bytes()))
        except OSError as error:
            raise BadIdentity(f"{error.filename}: {error.strerror}") from error
        except Malformed as error:
            raise BadIdentity(f"{key}: {error}") from error

    @cached_property
    def creator(self) -> bytes:
        """The identity as transactions carry it."""
        serialized = identities_pb2.SerializedIdentity(mspid=self.msp_id, id_bytes=self.certificate)
        return bytes(serialized.SerializeToString())

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message as Fabric takes it."""
        return sign(self.key, message)


def sign(key: SigningKey, message: bytes) -> bytes:
    """Return the ECDSA signature of a message in DER, with the lower s."""
    r, s = decode_dss_signature(key.key.sign(message, ec.ECDSA(hashes.SHA256())))
    return encode_dss_signature(r, min(s, _ORDER - s))
