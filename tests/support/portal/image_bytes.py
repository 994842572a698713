"""Images as bytes: enough for a registry to show, though nothing in them runs."""

import json
from dataclasses import dataclass
from typing import Any

from portal.functions import manifests
from portal.functions.manifests import digest_of


def as_json(value: object) -> bytes:
    """Return JSON as registries store it."""
    return json.dumps(value).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageBytes:
    """One image: its configuration, one layer, its manifest."""

    architecture: str = "amd64"
    system: str = "linux"
    layer: bytes = b"the layer"
    kind: str = manifests.DOCKER_MANIFEST

    @property
    def config(self) -> bytes:
        """What the image is for."""
        return as_json({"architecture": self.architecture, "os": self.system, "rootfs": {"type": "layers"}})

    @property
    def manifest(self) -> bytes:
        """What the image consists of."""
        return as_json(
            {
                "schemaVersion": 2,
                "mediaType": self.kind,
                "config": self._part("application/vnd.docker.container.image.v1+json", self.config),
                "layers": [self._part("application/vnd.docker.image.rootfs.diff.tar.gzip", self.layer)],
            }
        )

    @property
    def digest(self) -> str:
        """How a registry names it."""
        return digest_of(self.manifest)

    @staticmethod
    def _part(kind: str, data: bytes) -> dict[str, Any]:
        return {"mediaType": kind, "size": len(data), "digest": digest_of(data)}


def index_of(*images: ImageBytes, kind: str = manifests.OCI_INDEX) -> bytes:
    """Return an index of several images, with an attestation beside them as build tools make it."""
    listed = [
        {
            "mediaType": image.kind,
            "digest": image.digest,
            "size": len(image.manifest),
            "platform": {"os": image.system, "architecture": image.architecture},
        }
        for image in images
    ]
    attestation = listed[0] | {"platform": {"os": "unknown", "architecture": "unknown"}}
    return as_json({"schemaVersion": 2, "mediaType": kind, "manifests": [attestation, *listed]})
