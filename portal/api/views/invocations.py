"""Invocations that the account called, or of its functions."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.models import Account
from portal.api.authentication import account_of
from portal.api.pages import AccountList
from portal.api.serializers.invocations import InvocationView, InvocationWithJobsView
from portal.invocations import queries
from portal.invocations.models import Invocation


class Invocations(AccountList[Invocation]):
    """Invocations that the account called, or of its functions."""

    model = Invocation
    serializer_class = InvocationView

    def visible_to(self, account: Account) -> QuerySet[Invocation]:
        """Return what the account may see."""
        return queries.invocations_of(account)


class OneInvocation(APIView):
    """One invocation."""

    @extend_schema(responses=InvocationWithJobsView)
    def get(self, request: Request, invocation_id: UUID) -> Response:
        """Show the invocation, its jobs and their five times."""
        viewer = account_of(request)
        found = queries.invocation_for(viewer, invocation_id)
        return Response(InvocationWithJobsView(found, context={"viewer": viewer}).data)
