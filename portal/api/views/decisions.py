"""Administrators decide on money: two of different organisations, for exactly what they saw."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts import queries as accounts
from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.api.authentication import account_of, administrator_of
from portal.api.pages import AccountList
from portal.api.serializers.money import (
    ApprovalOrder,
    FeesOrder,
    FeeView,
    MintOrder,
    RefusalOrder,
    WholeRequestView,
)
from portal.books import records
from portal.governance import approving, asking, proposing, queries
from portal.governance.models import GovernedRequest
from wire.money import Micro


def answer(made: GovernedRequest, status: int = 202) -> Response:
    """Answer with a request as administrators see it."""
    return Response(WholeRequestView(made).data, status=status)


class GovernedRequests(AccountList[GovernedRequest]):
    """All requests, newest first; for administrators."""

    model = GovernedRequest
    serializer_class = WholeRequestView

    def visible_to(self, account: Account) -> QuerySet[GovernedRequest]:
        """Return all of them, to an administrator."""
        require_administrator(account)
        return queries.all_requests()


class RequestApproval(APIView):
    """An administrator's approval."""

    @extend_schema(request=ApprovalOrder, responses=WholeRequestView)
    def post(self, request: Request, request_id: UUID) -> Response:
        """Approve a request for one's own organisation; the other one's administrator has to approve it, too."""
        by, order = administrator_of(request), ApprovalOrder.read(request)
        found, now = queries.request_for(by, request_id), timezone.now()
        approved = approving.approve(found, by=by, seen=order["digest"], reference=order["reference"], now=now)
        return answer(approved, 200)


class RequestRefusal(APIView):
    """An administrator's refusal."""

    @extend_schema(request=RefusalOrder, responses=WholeRequestView)
    def post(self, request: Request, request_id: UUID) -> Response:
        """Refuse a request, with a reason."""
        by, order = administrator_of(request), RefusalOrder.read(request)
        found = queries.request_for(by, request_id)
        return answer(approving.refuse(found, by=by, reason=order["reason"], now=timezone.now()), 200)


class Mints(APIView):
    """Money that comes in."""

    @extend_schema(request=MintOrder, responses={202: WholeRequestView})
    def post(self, request: Request) -> Response:
        """Propose to credit an account, and approve it for one's own organisation."""
        by, order = administrator_of(request), MintOrder.read(request)
        account, reference = accounts.account_named(order["username"]), order["reference"]
        wish = asking.Wish(request_id=order["request_id"], amount=Micro(order["amount_micro"]), note=order["note"])
        return answer(proposing.propose_top_up(by, account=account, wish=wish, reference=reference, now=timezone.now()))


class FeePolicies(APIView):
    """What of a job's cost goes to the platform and to the peers."""

    @extend_schema(responses=FeeView(many=True))
    def get(self, request: Request) -> Response:
        """List fee policies, the one that stands first."""
        account_of(request)
        return Response(FeeView(records.fee_history(), many=True).data)

    @extend_schema(request=FeesOrder, responses={202: WholeRequestView})
    def post(self, request: Request) -> Response:
        """Propose another fee policy, and approve it for one's own organisation."""
        by, order = administrator_of(request), FeesOrder.read(request)
        return answer(proposing.propose_fees(by, **order, now=timezone.now()))
