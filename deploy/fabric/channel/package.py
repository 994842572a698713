"""The chaincode's package: the same bytes, and so the same id, on every peer."""

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from deploy import files
from deploy.fabric.network import Network, Places
from wire.codec import canonical_json
from wire.ledger.names import CHAINCODE


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One definition's package."""

    label: str
    package_id: str
    path: Path


def package(places: Places, network: Network) -> Package:
    """Return the package of the chaincode's current definition; it is written when it is not there."""
    label = f"{CHAINCODE}_{network.sequence}"
    metadata = canonical_json({"type": "ccaas", "label": label})
    # Fabric wants to see an archive of code; ours runs as a service.
    content = _archive({"metadata.json": metadata, "code.tar.gz": _archive({})})
    path = places.root / "chaincode" / f"{label}.tar.gz"
    files.write(path, content)
    return Package(label=label, package_id=f"{label}:{hashlib.sha256(content).hexdigest()}", path=path.resolve())


def _archive(members: dict[str, bytes]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=0)
