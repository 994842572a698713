"""Invocations that the account called, or of its functions."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import account_of
from portal.api.pages import AccountList
from portal.api.serializers.invocations import InvocationView, InvocationWithJobsView
from portal.invocations import queries
from portal.invocations.models import Invocation


class Invocations(AccountList[Invocation]):
    """Invocations that the account called, or of its functions."""

    model = Invocation
    serializer_class = InvocationView
    rows = queries.invocations_of


class OneInvocation(APIView):
    @extend_schema(responses=InvocationWithJobsView)
    def get(self, request: Request, invocation_id: UUID) -> Response:
        """Show the invocation, its jobs and their five times."""
        viewer = account_of(request)
        found = queries.invocation_for(viewer, invocation_id)
        return Response(InvocationWithJobsView(found, context={"viewer": viewer}).data)
