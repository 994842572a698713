"""Waiting for a condition: `wait_for(what, ready, seconds)`, inside an event loop `eventually`. Tests never sleep."""

import asyncio
from collections.abc import Callable

from deploy.servers.waiting import wait_for

__all__ = ["eventually", "wait_for"]

_PAUSE = 0.005


async def eventually(what: str, ready: Callable[[], object], seconds: float) -> None:
    """Return once `ready` is truthy; fail when it is not in time."""
    try:
        async with asyncio.timeout(seconds):
            while not ready():  # noqa: ASYNC110 - the condition may lie outside the loop
                await asyncio.sleep(_PAUSE)
    except TimeoutError:
        raise AssertionError(f"waited {seconds:g} s for {what}") from None
