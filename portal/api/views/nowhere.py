"""Addresses under /api/v1 that do not exist."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView


@extend_schema(exclude=True)
class Nowhere(APIView):
    """An address that does not exist: a JSON error, not a page."""

    authentication_classes = ()
    permission_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - as its parent names them
        """Say so, whatever the method.

        :raises NotFound: always.
        """
        raise NotFound
