"""Waiting for a condition, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

from deploy.errors import NotReady

T = TypeVar("T")
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1


def wait_for(what: str, ready: Callable[[], T | None], seconds: float) -> T:
    """Return the first truthy answer of `ready`, asked again and again.

    :raises NotReady: when none came in time; the message is `what`.
    """
    end = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        if answer := ready():
            return answer
        if time.monotonic() >= end:
            raise NotReady(f"waited {seconds:g} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
