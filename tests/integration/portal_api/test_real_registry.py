"""The registry client against a real registry."""

from collections.abc import Iterator

import httpx
import pytest

from deploy.servers.registry import RegistryServer
from portal.functions.addresses import RegistryList
from portal.functions.errors import ImageUnsuitable, RegistryFailed, RegistryNotAllowed
from portal.functions.images import parse_link
from portal.functions.manifests import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, digest_of
from portal.functions.registry import HttpRegistry
from tests.support.portal.image_bytes import ImageBytes, index_of
from tests.support.portal.registry_contract import RegistryContract


class RealShelf:
    def __init__(self, server: RegistryServer) -> None:
        self.host = server.host
        self.registry = HttpRegistry(RegistryList.parse(server.url))
        self._http = httpx.Client(base_url=f"{server.url}/v2", timeout=60, trust_env=False)

    def put(self, name: str, tag: str, image: ImageBytes) -> None:
        for blob in (image.layer, image.config):
            begun = self._http.post(f"/{name}/blobs/uploads/").raise_for_status()
            place = httpx.URL(begun.headers["Location"]).copy_merge_params({"digest": digest_of(blob)})
            self._http.put(place, content=blob).raise_for_status()
        self.put_manifest(name, tag, image.manifest, image.kind)

    def put_manifest(self, name: str, reference: str, manifest: bytes, kind: str) -> None:
        path = f"/{name}/manifests/{reference}"
        self._http.put(path, content=manifest, headers={"Content-Type": kind}).raise_for_status()

    def close(self) -> None:
        self._http.close()


@pytest.fixture
def shelf(registry: RegistryServer) -> Iterator[RealShelf]:
    made = RealShelf(registry)
    yield made
    made.close()


class TestRealRegistry(RegistryContract):
    """The contract, over HTTP."""


@pytest.mark.parametrize("kind", [OCI_INDEX, DOCKER_LIST])
@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_of_an_index_the_image_for_the_architecture_is_pinned(shelf: RealShelf, kind: str, architecture: str) -> None:
    single = OCI_MANIFEST if kind == OCI_INDEX else DOCKER_MANIFEST
    images = {name: ImageBytes(architecture=name, kind=single) for name in ("amd64", "arm64")}
    for name, image in images.items():
        shelf.put("index", name, image)
    shelf.put_manifest("index", "1", index_of(*images.values(), kind=kind), kind)

    pinned = shelf.registry.pin(parse_link(f"{shelf.host}/index:1"), architecture)

    assert pinned.image.endswith(images[architecture].digest)
    assert pinned.architecture == architecture


def test_an_index_without_the_architecture_says_what_it_has(shelf: RealShelf) -> None:
    arm = ImageBytes(architecture="arm64", kind=OCI_MANIFEST)
    shelf.put("index", "arm", arm)
    shelf.put_manifest("index", "only-arm", index_of(arm), OCI_INDEX)

    with pytest.raises(ImageUnsuitable, match="it has arm64"):
        shelf.registry.pin(parse_link(f"{shelf.host}/index:only-arm"), "amd64")


def test_a_local_registry_is_refused_where_the_administrator_does_not_list_it(registry: RegistryServer) -> None:
    with pytest.raises(RegistryNotAllowed, match="administrator's list"):
        HttpRegistry(RegistryList.parse("")).pin(parse_link(f"{registry.host}/any:1"), "amd64")


def test_a_registry_that_does_not_speak_tls_is_said_so(registry: RegistryServer) -> None:
    listed_as_https = RegistryList.parse(registry.host)

    with pytest.raises(RegistryFailed, match="cannot be reached"):
        HttpRegistry(listed_as_https).pin(parse_link(f"{registry.host}/any:1"), "amd64")
