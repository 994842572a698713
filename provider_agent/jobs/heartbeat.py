"""The agent's heartbeat: regularly, and soon after what it offers has changed."""

import logging
from collections.abc import Callable
from threading import Event as Flag
from threading import Thread

from provider_agent.ports import AgentBroker
from wire.messages import Heartbeat

log = logging.getLogger(__name__)

#: However often something changes, no more than one in so many seconds.
_PAUSE_SECONDS = 1.0


class HeartbeatLoop:
    """Publishes what `make` returns: every `interval_seconds`, and after each `beat_soon` while connected."""

    def __init__(self, broker: AgentBroker, make: Callable[[], Heartbeat], *, interval_seconds: float) -> None:
        self._broker = broker
        self._make = make
        self._interval_seconds = interval_seconds
        self._changed = Flag()
        self._stopping = Flag()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin, with one at once if connected."""
        self._thread.start()

    def beat_soon(self) -> None:
        """Say that something has changed."""
        self._changed.set()

    def stop(self) -> None:
        """End."""
        self._stopping.set()
        self._changed.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            if self._broker.is_connected:
                self._beat()
                self._stopping.wait(_PAUSE_SECONDS)
            self._changed.wait(self._interval_seconds - _PAUSE_SECONDS)

    def _beat(self) -> None:
        """Publish once. An error nobody foresaw costs one heartbeat, not all that would follow."""
        try:
            self._broker.publish(self._make())
        except Exception:
            log.exception("heartbeat.unforeseen")
