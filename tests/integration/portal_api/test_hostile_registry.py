"""The registry client against registries that mean ill, are broken, or ask for a login, over real sockets."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from portal.functions.addresses import RegistryList
from portal.functions.errors import ImageMissing, ImageRefused, ImageUnsuitable, RegistryFailed, RegistryNotAllowed
from portal.functions.images import ImageLink, PinnedImage, parse_link
from portal.functions.manifests import DOCKER_MANIFEST, OCI_INDEX, digest_of
from portal.functions.registry import HttpRegistry
from tests.support.portal.hostile_registry import Behaviour, HostileRegistry, Reply, hostile_registry
from tests.support.portal.image_bytes import ImageBytes, as_json, index_of

IMAGE = ImageBytes()
MANIFEST = Reply(headers={"Content-Type": DOCKER_MANIFEST}, body=IMAGE.manifest)


def honest(path: str, _headers: Mapping[str, str]) -> Reply:
    return MANIFEST if "/manifests/" in path else Reply(body=IMAGE.config)


@dataclass(slots=True)
class Place:
    """Registries that a test starts; only those it names are on the administrator's list."""

    open: ExitStack
    allowed: list[str] = field(default_factory=list)

    def start(self, behave: Behaviour, *, listed: bool = True) -> HostileRegistry:
        server = self.open.enter_context(hostile_registry(behave))
        if listed:
            self.allowed.append(f"http://{server.host}")
        return server

    def pin(self, server: HostileRegistry, reference: str = ":1", seconds: float = 10) -> PinnedImage:
        registry = HttpRegistry(RegistryList.parse(",".join(self.allowed)), seconds=seconds)
        link: ImageLink = parse_link(f"{server.host}/owner/name{reference}")
        return registry.pin(link, "amd64")


@pytest.fixture
def place() -> Place:
    return Place(open=ExitStack())


@pytest.fixture(autouse=True)
def _closed(place: Place) -> Iterator[None]:
    yield
    place.open.close()


def test_an_honest_registry_is_understood(place: Place) -> None:
    server = place.start(honest)

    assert place.pin(server).image == f"{server.host}/owner/name@{IMAGE.digest}"


def test_a_token_is_fetched_where_the_registry_says_and_sent_to_it_only(place: Place) -> None:
    blobs = place.start(lambda _path, _headers: Reply(body=IMAGE.config))
    tokens = place.start(lambda _path, _headers: Reply(body=as_json({"access_token": "abc"})))

    def with_login(path: str, headers: Mapping[str, str]) -> Reply:
        if headers.get("Authorization") != "Bearer abc":
            challenge = f'Bearer realm="http://{tokens.host}/token?x=1",service="the registry",scope="everything"'
            return Reply(status=401, headers={"WWW-Authenticate": challenge})
        if "/blobs/" in path:
            return Reply(status=307, headers={"Location": f"http://{blobs.host}/elsewhere"})
        return honest(path, headers)

    server = place.start(with_login)

    assert place.pin(server).image.endswith(IMAGE.digest)
    assert tokens.asked == [("/token?x=1&service=the+registry&scope=repository%3Aowner%2Fname%3Apull", "")]
    assert blobs.asked == [("/elsewhere", "")]


@pytest.mark.parametrize(
    "realm", ["http://169.254.169.254/latest", "https://127.0.0.1/x", "http://localhost:1/x", "file:///etc/passwd", "x"]
)
def test_a_token_is_not_fetched_from_a_private_place(place: Place, realm: str) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}"'}
    server = place.start(lambda _path, _headers: Reply(status=401, headers=challenge))

    with pytest.raises(RegistryNotAllowed):
        place.pin(server)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://127.0.0.1:8443/",
        "https://[::1]/",
        "http://0x7f000001/",
        "http://2130706433/",
        "//localhost/x",
        "gopher://localhost/x",
        "https://user@localhost/",
    ],
)
def test_a_redirect_into_a_private_network_is_not_followed(place: Place, location: str) -> None:
    server = place.start(lambda _path, _headers: Reply(status=302, headers={"Location": location}))

    with pytest.raises((RegistryNotAllowed, RegistryFailed)) as refused:
        place.pin(server)

    assert "status" not in refused.value.detail


def test_a_redirect_to_a_neighbour_that_is_not_listed_never_arrives(place: Place) -> None:
    inside = place.start(honest, listed=False)
    target = f"http://{inside.host}/secret"
    server = place.start(lambda _path, _headers: Reply(status=307, headers={"Location": target}))

    with pytest.raises(RegistryNotAllowed):
        place.pin(server)
    assert inside.asked == []


def test_redirects_in_a_circle_end(place: Place) -> None:
    server = place.start(lambda path, _headers: Reply(status=302, headers={"Location": path}))

    with pytest.raises(RegistryFailed, match="redirects more than 3 times"):
        place.pin(server)
    assert len(server.asked) == 4


def test_a_manifest_without_end_is_cut_off(place: Place) -> None:
    server = place.start(lambda _path, _headers: Reply(body=b" " * (5 * 1024 * 1024)))

    with pytest.raises(RegistryFailed, match="more than 4 MiB"):
        place.pin(server)


def test_a_registry_that_falls_silent_is_waited_for_in_bounds(place: Place) -> None:
    def silent(path: str, headers: Mapping[str, str]) -> Reply:
        server.over.wait(60)
        return honest(path, headers)

    server = place.start(silent)
    begun = time.monotonic()

    with pytest.raises(RegistryFailed, match=r"did not answer within 0\.5 s"):
        place.pin(server, seconds=0.5)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (Reply(status=404), ImageMissing, "no such image"),
        (Reply(status=403), ImageMissing, "without a login"),
        (Reply(status=401, headers={"WWW-Authenticate": "Basic realm=x"}), ImageMissing, "token authentication"),
        (Reply(status=401), ImageMissing, "token authentication"),
        (Reply(status=500), RegistryFailed, "status 500"),
        (Reply(status=200, body=b"<html>"), RegistryFailed, "malformed"),
        (Reply(body=b"[]"), RegistryFailed, "malformed"),
        (Reply(body=b"[" * 100_000), RegistryFailed, "malformed"),
        (Reply(body=b"{}"), ImageUnsuitable, "of the kind"),
        (Reply(body=as_json({"schemaVersion": 1, "mediaType": "x" * 200})), ImageUnsuitable, "of the kind"),
        (Reply(body=as_json({"mediaType": DOCKER_MANIFEST})), RegistryFailed, "malformed"),
        (Reply(body=as_json({"mediaType": OCI_INDEX, "manifests": 7})), RegistryFailed, "malformed"),
        (Reply(body=as_json({"mediaType": OCI_INDEX, "manifests": []})), ImageUnsuitable, "nothing for Linux"),
        (
            Reply(headers={"Docker-Content-Digest": "sha256:" + "0" * 64}, body=b"{}"),
            RegistryFailed,
            "another manifest",
        ),
    ],
)
def test_each_wrong_answer_is_named(place: Place, reply: Reply, error: type[ImageRefused], words: str) -> None:
    server = place.start(lambda _path, _headers: reply)

    with pytest.raises(error, match=words) as refused:
        place.pin(server)
    assert refused.value.fields["image_link"] == [refused.value.detail]


def _layers(layers: object) -> Reply:
    config = {"digest": "sha256:" + "0" * 64, "size": 1}
    return Reply(body=as_json({"mediaType": DOCKER_MANIFEST, "config": config, "layers": layers}))


@pytest.mark.parametrize(
    ("reply", "error", "words"),
    [
        (_layers([{"size": 1}] * 129), ImageUnsuitable, "128 layers"),
        (_layers([{"size": 9 * 1024**3}]), ImageUnsuitable, "larger than 8 GiB"),
        (_layers([{"size": -1}]), RegistryFailed, "malformed"),
        (_layers([{"size": 10**400}]), ImageUnsuitable, "larger"),
        (_layers([{"size": True}]), RegistryFailed, "malformed"),
        (_layers([{}]), RegistryFailed, "malformed"),
        (_layers("many"), ImageUnsuitable, "layers"),
    ],
)
def test_an_image_out_of_bounds_is_refused(place: Place, reply: Reply, error: type[ImageRefused], words: str) -> None:
    server = place.start(lambda _path, _headers: reply)

    with pytest.raises(error, match=words):
        place.pin(server)


def test_a_digest_that_does_not_fit_the_manifest_is_refused(place: Place) -> None:
    server = place.start(honest)

    with pytest.raises(RegistryFailed, match="another manifest"):
        place.pin(server, "@sha256:" + "1" * 64)


def test_a_configuration_that_does_not_fit_its_digest_is_refused(place: Place) -> None:
    def lying(path: str, _headers: Mapping[str, str]) -> Reply:
        return MANIFEST if "/manifests/" in path else Reply(body=ImageBytes(system="windows").config)

    with pytest.raises(RegistryFailed, match="another configuration"):
        place.pin(place.start(lying))


def test_an_image_for_another_system_is_refused(place: Place) -> None:
    windows = ImageBytes(system="windows")

    def behave(path: str, _headers: Mapping[str, str]) -> Reply:
        return Reply(body=windows.manifest if "/manifests/" in path else windows.config)

    with pytest.raises(ImageUnsuitable, match="windows/amd64"):
        place.pin(place.start(behave))


def test_an_index_in_an_index_is_refused(place: Place) -> None:
    inner = index_of(IMAGE)
    digest = digest_of(inner)

    def behave(path: str, _headers: Mapping[str, str]) -> Reply:
        if path.endswith("/1"):
            listed = {"mediaType": DOCKER_MANIFEST, "platform": {"os": "linux", "architecture": "amd64"}}
            return Reply(body=as_json({"mediaType": OCI_INDEX, "manifests": [listed | {"digest": digest}]}))
        return Reply(body=inner)

    with pytest.raises(ImageUnsuitable, match="another index"):
        place.pin(place.start(behave))
