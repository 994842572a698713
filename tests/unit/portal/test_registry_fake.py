"""The in-memory registry keeps the contract of registries."""

import pytest

from portal.functions.images import parse_link
from portal.functions.testing import FakeRegistry
from tests.support.portal.image_bytes import ImageBytes
from tests.support.portal.registry_contract import RegistryContract


class FakeShelf:
    host = "registry.example"

    def __init__(self) -> None:
        self.registry = FakeRegistry()

    def put(self, name: str, tag: str, image: ImageBytes) -> None:
        self.registry.add(
            parse_link(f"{self.host}/{name}:{tag}"),
            digest=image.digest,
            size=len(image.layer),
            architecture=image.architecture,
        )


class TestFakeRegistry(RegistryContract):
    @pytest.fixture
    def shelf(self) -> FakeShelf:
        return FakeShelf()
