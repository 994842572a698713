"""A connection that is made again whenever it is lost."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from scheduler.errors import BrokerUnavailable
from scheduler.transport.rabbitmq import BrokerLogin, Session

log = logging.getLogger(__name__)

_RETRY_SECONDS = (0.1, 5.0)


class Connection:
    """Keeps one session open, or says that there is none."""

    def __init__(self, login: BrokerLogin, *, name: str) -> None:
        self._login = login
        self._name = name
        self._session: Session | None = None
        self._lost_at: float | None = None

    @property
    def here(self) -> Session:
        """The session that is open.

        :raises BrokerUnavailable: when there is none.
        """
        if self._session is None or self._session.lost.done():
            raise BrokerUnavailable("not connected to the broker")
        return self._session

    @property
    def connected(self) -> bool:
        """Whether a session is open."""
        return self._session is not None and not self._session.lost.done()

    async def stay(self, prepare: Callable[[Session], Awaitable[None]], on_connected: Callable[[int], None]) -> None:
        """Stay connected until cancelled.

        `prepare` makes a new session ready; `on_connected` is called then, with the milliseconds without one.
        """
        delay, longest = _RETRY_SECONDS
        while True:
            began = time.monotonic()
            try:
                session = await self._open(prepare)
            except BrokerUnavailable as error:
                log.warning("broker.unavailable", extra={"broker": repr(self._login), "why": str(error)})
            else:
                await self._keep(session, on_connected)
            if time.monotonic() - began > longest:
                # It held for a while: this is a loss of its own, not one more try.
                delay = _RETRY_SECONDS[0]
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
            delay = min(delay * 2, longest)

    async def _open(self, prepare: Callable[[Session], Awaitable[None]]) -> Session:
        session = await Session.open(self._login, name=self._name)
        try:
            await prepare(session)
        except BaseException:
            await session.close()
            raise
        return session

    async def _keep(self, session: Session, on_connected: Callable[[int], None]) -> None:
        """Return once the session is lost."""
        self._session = session
        log.info("broker.connected")
        on_connected(int((time.monotonic() - self._lost_at) * 1000) if self._lost_at else 0)
        try:
            # Shielded: a cancelled wait must not pass for a lost connection.
            why = await asyncio.shield(session.lost)
            log.warning("broker.lost", extra={"why": repr(why)})
        finally:
            self._session, self._lost_at = None, time.monotonic()
            await session.close()
