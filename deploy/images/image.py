"""An image of one layer, the same bytes from the same files."""

import gzip
import hashlib
import io
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from wire.codec import canonical_json

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG_TYPE = "application/vnd.docker.container.image.v1+json"
_LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"
#: As Docker names what `uname -m` says.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def digest(data: bytes) -> str:
    """Return how a registry names some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@dataclass(frozen=True, kw_only=True)
class Image:
    """Files, what is started of them, and in which environment."""

    entrypoint: Sequence[str]
    #: Path in the container to a file of this machine; all are readable and executable by everyone.
    files: Mapping[PurePosixPath, Path]
    environment: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def layer(self) -> bytes:
        """The files as a compressed archive."""
        return gzip.compress(self._archive, compresslevel=1, mtime=0)

    @cached_property
    def config(self) -> bytes:
        """What the image is for and how it starts."""
        return canonical_json(
            {
                "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
                "os": "linux",
                "created": "2026-01-01T00:00:00Z",
                "config": {
                    "Entrypoint": list(self.entrypoint),
                    "Env": [f"{name}={value}" for name, value in sorted(self.environment.items())],
                },
                "rootfs": {"type": "layers", "diff_ids": [digest(self._archive)]},
            }
        )

    @cached_property
    def manifest(self) -> bytes:
        """What the registry keeps under the image's digest."""
        return canonical_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": {"mediaType": _CONFIG_TYPE, "size": len(self.config), "digest": digest(self.config)},
                "layers": [{"mediaType": _LAYER_TYPE, "size": len(self.layer), "digest": digest(self.layer)}],
            }
        )

    @cached_property
    def _archive(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for folder in sorted({parent for path in self.files for parent in path.parents if parent.name}):
                archive.addfile(_entry(folder, kind=tarfile.DIRTYPE))
            for path, source in sorted(self.files.items()):
                content = source.read_bytes()
                archive.addfile(_entry(path, kind=tarfile.REGTYPE, size=len(content)), io.BytesIO(content))
        return buffer.getvalue()


def _entry(path: PurePosixPath, *, kind: bytes, size: int = 0) -> tarfile.TarInfo:
    """Return an archive's entry that tells nothing of this machine: no owner, no time."""
    entry = tarfile.TarInfo(str(path).lstrip("/"))
    entry.type, entry.size, entry.mode = kind, size, 0o755
    return entry
