"""Proof that a block is what the orderers signed and continues the one before."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2

from fabric_client.blocks import data_hash, header_bytes, header_hash, signatures
from fabric_client.errors import BlockDamaged

log = logging.getLogger(__name__)

_ORDERER_UNIT = "orderer"
_KNOWN_CERTIFICATES = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class OrdererOrganisation:
    """An organisation whose orderers sign blocks, and the root of its CA in PEM."""

    msp_id: str
    root: bytes


class BlockVerifier:
    """Checks each block's data, its signatures, and that it continues the one before."""

    def __init__(self, organisations: Sequence[OrdererOrganisation]) -> None:
        self._roots = {item.msp_id: x509.load_pem_x509_certificate(item.root) for item in organisations}
        #: Certificates whose chain was checked, by organisation and PEM.
        self._trusted: dict[tuple[str, bytes], x509.Certificate] = {}

    def check(self, block: Any, previous: Any | None) -> None:
        """Check one block; `previous` is the header of the one before, when it is known.

        :raises BlockDamaged: saying what is wrong with which block.
        """
        number = block.header.number
        if data_hash(block) != block.header.data_hash:
            raise BlockDamaged(f"block {number}: its transactions are not those that its header names")
        if previous is not None and (
            number != previous.number + 1 or block.header.previous_hash != header_hash(previous)
        ):
            raise BlockDamaged(f"block {number} does not continue block {previous.number}")
        # Nobody has signed the first one: it is where the trust begins.
        if number and not any(self._signatures(block)):
            raise BlockDamaged(f"block {number}: no orderer of a known organisation has signed it")

    def _signatures(self, block: Any) -> Iterable[bool]:
        metadata = common_pb2.Metadata.FromString(signatures(block))
        for signature in metadata.signatures:
            # In a Raft network the header of the signature names the orderer.
            creator = common_pb2.SignatureHeader.FromString(signature.signature_header).creator
            signed = metadata.value + signature.signature_header + header_bytes(block.header)
            yield self._signed_by_an_orderer(creator, signature.signature, signed)

    def _signed_by_an_orderer(self, creator: bytes, signature: bytes, signed: bytes) -> bool:
        identity = identities_pb2.SerializedIdentity.FromString(creator)
        certificate = self._certificate(identity.mspid, identity.id_bytes)
        key = certificate.public_key() if certificate else None
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        try:
            key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def _certificate(self, msp_id: str, pem: bytes) -> x509.Certificate | None:
        """Return an orderer's certificate, once its chain was checked; None when it is not trusted."""
        if (known := self._trusted.get((msp_id, pem))) is not None:
            return known
        root = self._roots.get(msp_id)
        if root is None:
            return None
        try:
            certificate = x509.load_pem_x509_certificate(pem)
            certificate.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            return None
        units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        if _ORDERER_UNIT not in [unit.value for unit in units]:
            return None
        if len(self._trusted) >= _KNOWN_CERTIFICATES:
            self._trusted.clear()
        self._trusted[msp_id, pem] = certificate
        return certificate
