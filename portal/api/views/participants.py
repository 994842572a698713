"""What participants do on the ledger by keys of their own."""

from urllib.parse import quote

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts import passwords
from portal.api.authentication import account_of
from portal.api.serializers.ledger import OperationOrder, OperationView, OwnKeyOrder, SubmissionView
from portal.custody import handing_over, submissions
from portal.outbox import queries


class SignedOperations(APIView):
    """Where providers and owners hand in what they signed: the signature is the authority, no token is needed."""

    authentication_classes = ()
    permission_classes = ()

    @extend_schema(request=OperationOrder, responses={200: SubmissionView, 202: SubmissionView}, auth=[])
    def post(self, request: Request) -> Response:
        """Send an operation to the ledger, or ask where it stands; 202 while the ledger has not answered."""
        text, address = OperationOrder.read(request)["operation"], request.META.get("REMOTE_ADDR", "")
        sent = submissions.send(text, address=address, now=timezone.now())
        body = {**OperationView(sent.operation).data, "job_state": sent.job_state}
        found = sent.operation
        return Response(body, status=202 if found.waits else 200, headers=_where(found.operation_id))


class OwnKey(APIView):
    """The key of its owner's that moves the account, instead of custody."""

    @extend_schema(request=OwnKeyOrder, responses={202: OperationView})
    def post(self, request: Request) -> Response:
        """Hand the account over to its owner's own key: nobody can take it back but both organisations."""
        account, order, now = account_of(request), OwnKeyOrder.read(request), timezone.now()
        passwords.confirm_password(account, password=order.pop("password"), now=now)
        operation_id = handing_over.hand_over(account.id, **order, now=now)
        view = OperationView(queries.operation(operation_id)).data
        return Response(view, status=202, headers=_where(operation_id))


def _where(operation_id: str) -> dict[str, str]:
    return {"Location": f"/api/v1/ledger/operations/{quote(operation_id, safe=':')}"}
