"""Image links, read strictly; and the addresses to which the portal may talk (SSRF)."""

from collections.abc import Sequence

import pytest

from portal.functions.addresses import RegistryList, is_public, locate
from portal.functions.errors import LinkMalformed, RegistryFailed, RegistryNotAllowed
from portal.functions.images import parse_link

DIGEST = "sha256:" + "0123456789abcdef" * 4
NOBODY = RegistryList.parse("")


@pytest.mark.parametrize(
    ("text", "registry", "repository", "reference"),
    [
        ("ghcr.io/owner/name:1.2", "ghcr.io", "owner/name", "1.2"),
        ("localhost:5000/word-count:1", "localhost:5000", "word-count", "1"),
        ("127.0.0.1:5000/a/b__c.d-e:latest", "127.0.0.1:5000", "a/b__c.d-e", "latest"),
        (f"registry.example/name@{DIGEST}", "registry.example", "name", DIGEST),
        ("docker.io/python:3.12", "docker.io", "library/python", "3.12"),
        ("docker.io/grafana/grafana:11", "docker.io", "grafana/grafana", "11"),
    ],
)
def test_a_link_names_registry_repository_and_reference(
    text: str, registry: str, repository: str, reference: str
) -> None:
    link = parse_link(text)

    assert (link.registry, link.repository, link.reference) == (registry, repository, reference)
    assert link.pinned(DIGEST) == f"{registry}/{repository}@{DIGEST}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "python",
        "python:3.12",
        "library/python:3.12",
        "ghcr.io/owner/name",
        "ghcr.io/owner/name:",
        "ghcr.io/:1",
        "ghcr.io/Owner/name:1",
        "ghcr.io/owner//name:1",
        "ghcr.io/../name:1",
        "ghcr.io/name:1/2",
        "ghcr.io/name:tag with space",
        "ghcr.io/name:" + "t" * 129,
        "ghcr.io/name@sha256:abc",
        "ghcr.io/name@sha512:" + "a" * 128,
        f"ghcr.io/name:1@{DIGEST}",
        f"ghcr.io/name@{DIGEST.upper()}",
        "https://ghcr.io/name:1",
        "user:secret@ghcr.io/name:1",
        "ghcr.io:0/name:1",
        "ghcr.io:65536/name:1",
        "ghcr.io:5000000/name:1",
        "-ghcr.io/name:1",
        "ghcr..io/name:1",
        "[::1]:5000/name:1",
        "ghcr.io/name:1\n",
        "ghcr.io/name:1\0",
        "gh\u0441r.io/name:1",
        "ghcr.io/" + "a" * 300 + ":1",
        "ghcr.io/name:1?x=y#z",
        "ghcr.io/a%2fb:1",
    ],
)
def test_what_is_not_exactly_a_link_is_refused(text: str) -> None:
    with pytest.raises(LinkMalformed) as refused:
        parse_link(text)

    assert "registry/name:tag" in refused.value.detail
    assert refused.value.fields["image_link"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "",
        "not an address",
    ],
)
def test_no_address_of_a_private_network_is_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "::ffff:8.8.8.8", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def answering(*addresses: str) -> "Resolver":
    return Resolver(addresses)


class Resolver:
    """Answers each question with the next set of addresses, and counts the questions."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, int]] = []

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.addresses


def test_the_address_that_was_checked_is_the_one_to_connect_to() -> None:
    resolve = answering("1.1.1.1", "8.8.8.8")

    target = locate("https", "registry.example:5000", allowed=NOBODY, resolve=resolve)

    assert target.url == "https://1.1.1.1:5000"
    assert target.authority == "registry.example:5000"
    assert resolve.asked == [("registry.example", 5000)]


@pytest.mark.parametrize("addresses", [("10.0.0.1",), ("1.1.1.1", "10.0.0.1"), ("10.0.0.1", "1.1.1.1"), ("::1",)])
def test_one_private_address_is_enough_to_refuse(addresses: tuple[str, ...]) -> None:
    with pytest.raises(RegistryNotAllowed, match="public address"):
        locate("https", "registry.example", allowed=NOBODY, resolve=answering(*addresses))


def test_the_administrators_list_allows_one_place_and_its_scheme() -> None:
    allowed = RegistryList.parse("http://localhost:5000, registry.lan ")

    assert tuple(allowed.schemes) == ("localhost:5000", "registry.lan")
    assert locate("http", "localhost:5000", allowed=allowed, resolve=answering("127.0.0.1")).port == 5000
    assert locate("https", "registry.lan", allowed=allowed, resolve=answering("10.0.0.9")).port == 443
    for scheme, authority in [("https", "localhost:5000"), ("http", "registry.lan"), ("http", "localhost:5001")]:
        with pytest.raises(RegistryNotAllowed):
            locate(scheme, authority, allowed=allowed, resolve=answering("127.0.0.1"))


def test_plain_http_is_only_for_the_administrators_list() -> None:
    with pytest.raises(RegistryNotAllowed, match="HTTPS"):
        locate("http", "registry.example", allowed=NOBODY, resolve=answering("1.1.1.1"))


def test_a_name_without_an_address_is_said_so() -> None:
    def nowhere(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    for resolve in (nowhere, answering()):
        with pytest.raises(RegistryFailed, match=r"registry\.example has no address"):
            locate("https", "registry.example", allowed=NOBODY, resolve=resolve)
    with pytest.raises(RegistryFailed, match="no port"):
        locate("https", "registry.example:99999", allowed=NOBODY, resolve=answering("1.1.1.1"))
