"""What every registry answers: the fake and a real one pass the same."""

from typing import Protocol

import pytest

from portal.functions.errors import ImageMissing, ImageUnsuitable
from portal.functions.images import Registry, parse_link
from tests.support.portal.image_bytes import ImageBytes


class Shelf(Protocol):
    """A registry that a test can fill."""

    #: What its links begin with.
    host: str
    registry: Registry

    def put(self, name: str, tag: str, image: ImageBytes) -> None:
        """Have an image under a tag, and under its digest."""


class RegistryContract:
    """Subclasses give `shelf`: a registry with nothing on it."""

    def test_a_tag_is_pinned_to_what_it_names_now(self, shelf: Shelf) -> None:
        image = ImageBytes(layer=b"12345")
        shelf.put("contract/tag", "1", image)

        pinned = shelf.registry.pin(parse_link(f"{shelf.host}/contract/tag:1"), "amd64")

        assert pinned.image == f"{shelf.host}/contract/tag@{image.digest}"
        assert (pinned.size, pinned.architecture) == (5, "amd64")

    def test_a_digest_stays_what_it_is_when_the_tag_moves(self, shelf: Shelf) -> None:
        old, new = ImageBytes(layer=b"old"), ImageBytes(layer=b"newer")
        shelf.put("contract/moved", "latest", old)
        shelf.put("contract/moved", "latest", new)

        by_tag = shelf.registry.pin(parse_link(f"{shelf.host}/contract/moved:latest"), "amd64")
        by_digest = shelf.registry.pin(parse_link(f"{shelf.host}/contract/moved@{old.digest}"), "amd64")

        assert by_tag.image.endswith(new.digest)
        assert by_digest.image.endswith(old.digest)

    @pytest.mark.parametrize("reference", [":none", "@sha256:" + "0" * 64])
    def test_what_is_not_there_is_missing(self, shelf: Shelf, reference: str) -> None:
        with pytest.raises(ImageMissing):
            shelf.registry.pin(parse_link(f"{shelf.host}/contract/nothing{reference}"), "amd64")

    def test_an_image_for_another_machine_is_unsuitable(self, shelf: Shelf) -> None:
        shelf.put("contract/arm", "1", ImageBytes(architecture="arm64"))

        with pytest.raises(ImageUnsuitable, match="amd64"):
            shelf.registry.pin(parse_link(f"{shelf.host}/contract/arm:1"), "amd64")
        assert shelf.registry.pin(parse_link(f"{shelf.host}/contract/arm:1"), "arm64").architecture == "arm64"
