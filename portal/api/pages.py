"""Lists: a page at a time, with a cursor, so that no answer grows without bound."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import generics
from rest_framework.pagination import CursorPagination

from portal.accounts.models import Account
from portal.api.authentication import account_of

M = TypeVar("M", bound=Model)


class Pages(CursorPagination):
    """A page; `next` is the address of the one after. The order is the query's own."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_ordering(self, _request: Any, queryset: QuerySet[Any], _view: Any) -> tuple[str, ...]:
        """Return the order that the query brings, with the id to break ties."""
        ordering = tuple(str(name) for name in queryset.query.order_by)
        return ordering if ordering[-1].lstrip("-") in {"id", "pk"} else (*ordering, "pk")


class AccountList(generics.ListAPIView[M]):
    """A list of what belongs to the account that asks."""

    pagination_class = Pages
    #: What the list holds.
    model: ClassVar[type[Model]]
    #: Returns what an account may see, in order.
    rows: ClassVar[Callable[[Account], QuerySet[Any]]]

    def get_queryset(self) -> QuerySet[M]:
        """Return what the account may see."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()  # type: ignore[return-value] # noqa: SLF001 - the schema asks for the model only
        return self.visible_to(account_of(self.request))

    def visible_to(self, account: Account) -> QuerySet[M]:
        """Return what this account may see, in order."""
        return type(self).rows(account)
