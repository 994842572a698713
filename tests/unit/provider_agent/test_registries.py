from collections.abc import Iterable

import pytest

from provider_agent.containers.registries import RegistryNotPublic, listed, registry_of, require_public, resolve

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("image", "registry"),
    [
        (f"docker.io/library/python@{DIGEST}", "docker.io"),
        (f"localhost:5000/a@{DIGEST}", "localhost:5000"),
        (f"localhost/a@{DIGEST}", "localhost"),
        (f"ghcr.io/some-one/a.b_c/d@{DIGEST}", "ghcr.io"),
        (f"[::1]:5000/a@{DIGEST}", "[::1]:5000"),
        (f"python@{DIGEST}", None),
        (f"library/python@{DIGEST}", None),
        ("ghcr.io/a/b:latest", None),
        (f"ghcr.io/a/b:latest@{DIGEST}", None),
        (f"ghcr.io/A/b@{DIGEST}", None),
        (f"https://ghcr.io/a@{DIGEST}", None),
        (f"ghcr.io/a@{DIGEST}\n", None),
        (f"ghcr.io/{'a' * 600}@{DIGEST}", None),
    ],
)
def test_the_registry_is_read_from_images_pinned_by_digest_only(image: str, registry: str | None) -> None:
    assert registry_of(image) == registry


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "127.0.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 - an address to refuse
        "224.0.0.1",
        "::1",
        "fd00::1",
        "fe80::1%eth0",
        "::ffff:10.0.0.1",
    ],
)
def test_a_name_that_leads_into_a_private_network_is_refused(address: str) -> None:
    with pytest.raises(RegistryNotPublic):
        require_public("registry.example.org", (), lambda _, __: [address])


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(RegistryNotPublic):
        require_public("registry.example.org", (), lambda _, __: ["9.9.9.9", "10.0.0.1"])


def test_a_public_registry_is_fine_and_docker_hub_is_asked_by_its_real_name() -> None:
    asked: list[tuple[str, int]] = []

    def answer(host: str, port: int) -> Iterable[str]:
        asked.append((host, port))
        return ["9.9.9.9", "2620:fe::fe"]

    require_public("docker.io", (), answer)
    require_public("quay.io:8443", (), answer)

    assert asked == [("registry-1.docker.io", 443), ("quay.io", 8443)]


def test_a_name_without_an_address_is_refused() -> None:
    def fail(_: str, __: int) -> Iterable[str]:
        raise OSError("no such name")

    with pytest.raises(RegistryNotPublic):
        require_public("absent.example.org", (), fail)
    with pytest.raises(RegistryNotPublic):
        require_public("absent.example.org", (), lambda _, __: [])


def test_a_registry_on_the_list_is_not_asked_for_its_address() -> None:
    def fail(_: str, __: int) -> Iterable[str]:
        raise AssertionError

    require_public("localhost:5000", listed(["http://localhost:5000/", "https://r.example"]), fail)


def test_this_machine_resolves_itself() -> None:
    assert "127.0.0.1" in list(resolve("127.0.0.1", 1))
