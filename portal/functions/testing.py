"""The in-memory counterpart of this app's port; passes the same suite as registries over HTTP."""

from portal.functions.errors import ImageMissing, ImageUnsuitable
from portal.functions.images import ImageLink, PinnedImage


class FakeRegistry:
    """Images in a dictionary: link without its reference, reference, and architecture to digest and size."""

    def __init__(self) -> None:
        self._images: dict[tuple[str, str], dict[str, PinnedImage]] = {}

    def add(self, link: ImageLink, *, digest: str, size: int = 1_000, architecture: str = "amd64") -> None:
        """Have an image, under its tag and its digest."""
        name = f"{link.registry}/{link.repository}"
        image = PinnedImage(image=link.pinned(digest), size=size, architecture=architecture)
        for reference in filter(None, (link.tag, digest)):
            self._images.setdefault((name, reference), {})[architecture] = image

    def pin(self, link: ImageLink, architecture: str) -> PinnedImage:
        found = self._images.get((f"{link.registry}/{link.repository}", link.reference))
        if found is None:
            raise ImageMissing("The registry has no such image, or does not show it without a login.")
        if architecture not in found:
            raise ImageUnsuitable(f"The image is not there for linux/{architecture}.")
        return found[architecture]
