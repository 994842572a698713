"""Getting an image: once for all who wait, only from where it may come, in time, and no more than the disk can take."""

import time
from collections.abc import Collection, Mapping
from threading import Event as Flag
from threading import Lock

from provider_agent.containers.ports import EngineFailed, Images
from provider_agent.containers.registries import RegistryNotPublic, Resolve, registry_of, require_public, resolve
from provider_agent.errors import AgentError
from wire.limits import MIB

#: Compressed, as it travels.
IMAGE_MAX_BYTES = 4096 * MIB
#: What is left to the machine's owner.
DISK_RESERVE_BYTES = 2048 * MIB


class PullFailed(AgentError):
    """The image is not here and could not be had in time."""


class Puller:
    """Pulls what is not here. For all threads."""

    def __init__(self, images: Images, allowed: Collection[str], ask: Resolve = resolve) -> None:
        self._images = images
        self._allowed = allowed
        self._ask = ask
        self._waiting: dict[str, tuple[Lock, int]] = {}
        self._lock = Lock()

    def ensure(self, image: str, *, until: float, cancelled: Flag) -> None:
        """Return when an image is here, `until` a moment of `time.monotonic` at the latest.

        :raises PullFailed: when it cannot be had, or not in time, or is not wanted any more.
        """
        lock = self._enter(image)
        try:
            if not lock.acquire(timeout=max(until - time.monotonic(), 0)):
                raise PullFailed("another job's pull of it takes too long")
            try:
                if not self._images.has(image):
                    self._pull(image, until, cancelled)
            except EngineFailed as error:
                raise PullFailed(str(error)) from error
            finally:
                lock.release()
        finally:
            self._leave(image)

    def _pull(self, image: str, until: float, cancelled: Flag) -> None:
        try:
            require_public(registry_of(image) or "", self._allowed, self._ask)
        except RegistryNotPublic as error:
            raise PullFailed(str(error)) from error
        free = self._images.free_bytes()
        if free is not None and free < DISK_RESERVE_BYTES:
            raise PullFailed(f"only {free // MIB} MB are left on the disk")
        sizes: dict[object, int] = {}
        for word in self._images.pull(image, max(until - time.monotonic(), 0)):
            if "error" in word:
                raise PullFailed(str(word["error"]))
            if cancelled.is_set() or time.monotonic() > until:
                raise PullFailed("it was not here in time, or is not wanted any more")
            sizes[word.get("id")] = _layer_bytes(word)
            if sum(sizes.values()) > IMAGE_MAX_BYTES:
                raise PullFailed(f"it is larger than {IMAGE_MAX_BYTES // MIB} MB")

    def _enter(self, image: str) -> Lock:
        with self._lock:
            lock, count = self._waiting.get(image, (Lock(), 0))
            self._waiting[image] = lock, count + 1
            return lock

    def _leave(self, image: str) -> None:
        with self._lock:
            lock, count = self._waiting.pop(image)
            if count > 1:
                self._waiting[image] = lock, count - 1


def _layer_bytes(word: Mapping[str, object]) -> int:
    detail = word.get("progressDetail")
    total = detail.get("total") if isinstance(detail, dict) else None
    return total if isinstance(total, int) else 0
