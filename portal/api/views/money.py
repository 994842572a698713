"""Owners move their money and ask for it."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.models import Account
from portal.accounts.zones import zone_of
from portal.api.authentication import account_of
from portal.api.pages import AccountList
from portal.api.serializers.ledger import OperationView, PageOrder
from portal.api.serializers.money import (
    NoticeOrder,
    NoticeView,
    RequestOrder,
    RequestView,
    TransferOrder,
    WithdrawalOrder,
)
from portal.books import records, statement_csv
from portal.custody import moving
from portal.governance import asking
from portal.governance import queries as requests
from portal.governance.models import GovernedRequest
from portal.outbox import queries
from portal.streaming import streamed
from wire.money import Micro


def _on_its_way(operation_id: str) -> Response:
    return Response(OperationView(queries.operation(operation_id)).data, status=202)


class StatementFile(APIView):
    """The movements of an account's money as CSV."""

    @extend_schema(parameters=[PageOrder], responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request) -> StreamingHttpResponse:
        """Download movements, newest first, with times in UTC and in the account's time zone."""
        account, page = account_of(request), PageOrder.read_query(request)
        parts = statement_csv.csv_pages(account.id, zone=zone_of(account), before=page.get("before"))
        return streamed(request._request, parts, content_type="text/csv; charset=utf-8", name="statement.csv")  # noqa: SLF001 - REST framework keeps Django's request there


class Transfers(APIView):
    """Money to other accounts."""

    @extend_schema(request=TransferOrder, responses={202: OperationView})
    def post(self, request: Request) -> Response:
        """Move available money to another account; the ledger decides within seconds."""
        account, order, now = account_of(request), TransferOrder.read(request), timezone.now()
        to, amount = order["to"], Micro(order["amount_micro"])
        return _on_its_way(moving.transfer(account, to=to, amount=amount, transfer_id=order["transfer_id"], now=now))


class DepositNotices(APIView):
    """Notices to take part of the deposit back."""

    @extend_schema(responses=NoticeView(many=True))
    def get(self, request: Request) -> Response:
        """Show the notice that runs, if one does."""
        notice = records.notice(account_of(request).id)
        return Response(NoticeView([notice] if notice else [], many=True).data)

    @extend_schema(request=NoticeOrder, responses={202: OperationView})
    def post(self, request: Request) -> Response:
        """Give notice; after nine days it can be withdrawn."""
        account, order, now = account_of(request), NoticeOrder.read(request), timezone.now()
        amount = Micro(order["amount_micro"])
        return _on_its_way(moving.give_notice(account, amount=amount, notice_id=order["notice_id"], now=now))


class Withdrawals(APIView):
    """Money back from the deposit."""

    @extend_schema(request=WithdrawalOrder, responses={202: OperationView})
    def post(self, request: Request) -> Response:
        """Withdraw what the notice named, once it is over."""
        account, order, now = account_of(request), WithdrawalOrder.read(request), timezone.now()
        return _on_its_way(moving.withdraw(account, withdrawal_id=order["withdrawal_id"], now=now))


class RequestList(AccountList[GovernedRequest]):
    """Top-ups and payouts that the account asked for."""

    model = GovernedRequest
    serializer_class = RequestView

    def visible_to(self, account: Account) -> QuerySet[GovernedRequest]:
        """Return its requests."""
        return requests.requests_of(account)

    @extend_schema(request=RequestOrder, responses={202: RequestView})
    def post(self, request: Request) -> Response:
        """Ask for a top-up or a payout; administrators of both organisations decide."""
        account, order, now = account_of(request), RequestOrder.read(request), timezone.now()
        wish = asking.Wish(request_id=order["request_id"], amount=Micro(order["amount_micro"]), note=order["note"])
        ask = asking.ask_payout if order["kind"] == "payout" else asking.ask_top_up
        return Response(RequestView(ask(account, wish=wish, now=now)).data, status=202)


class RequestWithdrawal(APIView):
    """An owner's change of mind."""

    @extend_schema(request=None, responses=RequestView)
    def post(self, request: Request, request_id: UUID) -> Response:
        """Withdraw a request: a top-up until both organisations approved it, a payout until the first did."""
        owner = account_of(request)
        found = requests.request_of(owner, request_id)
        return Response(RequestView(asking.withdraw(found, by=owner, now=timezone.now())).data)


class OneRequest(APIView):
    """One request."""

    @extend_schema(responses=RequestView)
    def get(self, request: Request, request_id: UUID) -> Response:
        """Show a request to whose money it is about."""
        return Response(RequestView(requests.request_of(account_of(request), request_id)).data)
