"""A process that dies at any of its statements."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class Crash(BaseException):
    """The process dies here."""


@contextmanager
def crashing_at(step: int) -> Iterator[Callable[[], None]]:
    """Let the process die at its so-many-th statement or call of the ledger."""
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if count == step:
            raise Crash

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        tick()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield tick
