"""Putting an image into a registry by its HTTP API."""

import httpx

from deploy.errors import DeployError
from deploy.images.image import MANIFEST_TYPE, Image, digest

_SECONDS = 30


def push(image: Image, *, registry_url: str, repository: str, tag: str) -> str:
    """Store an image as `repository:tag`, and return its digest.

    :raises DeployError: when the registry does not take it.
    """
    with httpx.Client(base_url=f"{registry_url}/v2/{repository}", timeout=_SECONDS) as client:
        try:
            for blob in (image.layer, image.config):
                _put_blob(client, blob)
            client.put(
                f"/manifests/{tag}", content=image.manifest, headers={"Content-Type": MANIFEST_TYPE}
            ).raise_for_status()
        except httpx.HTTPError as error:
            raise DeployError(f"the registry did not take {repository}:{tag}: {error}") from error
    return digest(image.manifest)


def _put_blob(client: httpx.Client, blob: bytes) -> None:
    name = digest(blob)
    if client.head(f"/blobs/{name}").status_code == httpx.codes.OK:
        return
    begun = client.post("/blobs/uploads/").raise_for_status()
    place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": name})
    client.put(place, content=blob).raise_for_status()
