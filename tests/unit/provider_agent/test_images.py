import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag

import pytest

from provider_agent.containers.images import DISK_RESERVE_BYTES, IMAGE_MAX_BYTES, Puller, PullFailed
from tests.support.tickets import IMAGE
from tests.support.waiting import wait_for


class FakeImages:
    """An engine that pulls when it is let."""

    def __init__(self) -> None:
        self.here: set[str] = set()
        self.pulls: list[str] = []
        self.words: list[Mapping[str, object]] = [{"status": "Pulling"}]
        self.free: int | None = DISK_RESERVE_BYTES
        self.gate = Flag()
        self.gate.set()

    def has(self, image: str) -> bool:
        return image in self.here

    def pull(self, image: str, seconds: float) -> Iterator[Mapping[str, object]]:
        assert seconds >= 0
        self.pulls.append(image)
        self.gate.wait(30)
        yield from self.words
        self.here.add(image)

    def free_bytes(self) -> int | None:
        return self.free


@pytest.fixture
def images() -> FakeImages:
    return FakeImages()


@pytest.fixture
def puller(images: FakeImages) -> Puller:
    return Puller(images, (), lambda _, __: ["9.9.9.9"])


def ensure(puller: Puller, image: str = IMAGE, seconds: float = 30) -> None:
    puller.ensure(image, until=time.monotonic() + seconds, cancelled=Flag())


def test_an_image_that_is_here_is_not_pulled(puller: Puller, images: FakeImages) -> None:
    images.here.add(IMAGE)

    ensure(puller)

    assert images.pulls == []


def test_many_who_wait_for_one_image_pull_it_once(puller: Puller, images: FakeImages) -> None:
    images.gate.clear()
    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(ensure, puller) for _ in range(8)]
        wait_for("the pull", lambda: images.pulls, 30)
        images.gate.set()
        for one in waiting:
            one.result()

    assert images.pulls == [IMAGE]
    assert puller._waiting == {}


def test_who_waits_too_long_for_anothers_pull_gives_up(puller: Puller, images: FakeImages) -> None:
    images.gate.clear()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(ensure, puller)
        wait_for("the pull", lambda: images.pulls, 30)

        with pytest.raises(PullFailed, match="takes too long"):
            ensure(puller, seconds=0.05)
        images.gate.set()
        first.result()


def test_a_full_disk_is_left_to_its_owner(puller: Puller, images: FakeImages) -> None:
    images.free = DISK_RESERVE_BYTES - 1

    with pytest.raises(PullFailed, match="left on the disk"):
        ensure(puller)
    assert images.pulls == []


def test_an_image_beyond_the_bound_is_given_up_as_soon_as_it_shows(puller: Puller, images: FakeImages) -> None:
    layer = IMAGE_MAX_BYTES // 2
    images.words = [
        {"id": "a", "progressDetail": {"current": 1, "total": layer}},
        {"id": "a", "progressDetail": {"current": 2, "total": layer}},
        {"id": "b", "progressDetail": {"current": 1, "total": layer + 1}},
    ]

    with pytest.raises(PullFailed, match="larger than"):
        ensure(puller)
    assert not images.here


def test_a_pull_that_the_engine_calls_failed_is_failed(puller: Puller, images: FakeImages) -> None:
    images.words = [{"error": "manifest unknown"}]

    with pytest.raises(PullFailed, match="manifest unknown"):
        ensure(puller)


def test_a_pull_that_is_not_wanted_any_more_ends(puller: Puller) -> None:
    cancelled = Flag()
    cancelled.set()

    with pytest.raises(PullFailed, match="not wanted"):
        puller.ensure(IMAGE, until=time.monotonic() + 30, cancelled=cancelled)


def test_a_registry_in_a_private_network_is_never_asked(images: FakeImages) -> None:
    puller = Puller(images, (), lambda _, __: ["192.168.0.1"])

    with pytest.raises(PullFailed, match="not at a public address"):
        ensure(puller)
    assert images.pulls == []
