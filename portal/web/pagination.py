"""One page of a list at a time, without counting the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

M = TypeVar("M", bound=Model)

PAGE_SIZE = 25
#: Who wants to look further back asks the API, whose cursor costs the same on each page.
LAST_PAGE = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(Generic[M]):
    """Some rows, and which pages are beside them."""

    rows: Sequence[M]
    newer: int | None
    older: int | None


def before_of(request: HttpRequest) -> int | None:
    """Return where the page that `?before=` asks for begins; None: at the newest."""
    asked = request.GET.get("before", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None  # noqa: PLR2004 - 64 bits


def page_of(rows: QuerySet[M], request: HttpRequest, size: int = PAGE_SIZE) -> Page[M]:
    """Return the page that `?page=` asks for; the first one when it asks for nothing sensible."""
    asked = request.GET.get("page", "1")
    number = min(int(asked), LAST_PAGE) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 1  # noqa: PLR2004
    number = max(number, 1)
    found = list(rows[(number - 1) * size : number * size + 1])
    return Page(
        rows=found[:size],
        newer=number - 1 if number > 1 else None,
        older=number + 1 if len(found) > size and number < LAST_PAGE else None,
    )
