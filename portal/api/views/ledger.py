"""The ledger as the portal read it, and what moves money on it."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.api.authentication import account_of
from portal.api.serializers.ledger import (
    BalanceView,
    BlockDetailView,
    BlockView,
    DepositOrder,
    LedgerJobView,
    OperationView,
    PageOrder,
    StatementLineView,
    TransactionDetailView,
)
from portal.books import queries, statement, visibility
from portal.custody import moving
from portal.outbox import queries as outbox
from wire.money import Micro


class OwnBalance(APIView):
    """The money of the account that asks."""

    @extend_schema(responses=BalanceView)
    def get(self, request: Request) -> Response:
        """Show the balance."""
        return Response(BalanceView(queries.balance(account_of(request).id)).data)


class Statement(APIView):
    """The movements of that money."""

    @extend_schema(parameters=[PageOrder], responses=StatementLineView(many=True))
    def get(self, request: Request) -> Response:
        """List movements, newest first."""
        page = PageOrder.read_query(request)
        return Response(StatementLineView(statement.statement(account_of(request).id, **page), many=True).data)


class Deposits(APIView):
    """Money that jobs may spend."""

    @extend_schema(request=DepositOrder, responses={202: OperationView})
    def post(self, request: Request) -> Response:
        """Move money from available to deposit; the ledger decides within seconds."""
        account, order, now = account_of(request), DepositOrder.read(request), timezone.now()
        amount = Micro(order["amount_micro"])
        operation_id = moving.deposit(account, amount=amount, deposit_id=order["deposit_id"], now=now)
        return Response(OperationView(outbox.operation(operation_id)).data, status=202)


class JobRecordById(APIView):
    """A job's record."""

    @extend_schema(responses=LedgerJobView)
    def get(self, request: Request, job_id: str) -> Response:
        """Show what the ledger says of a job."""
        return Response(LedgerJobView(visibility.job_for(account_of(request), job_id)).data)


class BlockList(APIView):
    """Blocks."""

    @extend_schema(parameters=[PageOrder], responses=BlockView(many=True))
    def get(self, request: Request) -> Response:
        """List blocks, newest first."""
        return Response(BlockView(queries.latest_blocks(**PageOrder.read_query(request)), many=True).data)


class BlockByNumber(APIView):
    """One block."""

    @extend_schema(responses=BlockDetailView)
    def get(self, request: Request, number: int) -> Response:
        """Show a block with its transactions."""
        return Response(BlockDetailView(visibility.block_for(account_of(request), number)).data)


class TransactionById(APIView):
    """One transaction."""

    @extend_schema(responses=TransactionDetailView)
    def get(self, request: Request, transaction_id: str) -> Response:
        """Show a transaction; peers and administrators see all of it, others what concerns them."""
        return Response(TransactionDetailView(visibility.transaction_for(account_of(request), transaction_id)).data)


class LedgerAccount(APIView):
    """An account on the ledger."""

    @extend_schema(responses=BalanceView)
    def get(self, request: Request, account_id: str) -> Response:
        """Show the money of an account; of another's only to peers and administrators."""
        return Response(BalanceView(visibility.balance_for(account_of(request), account_id)).data)


class OperationById(APIView):
    """An operation on its way to the ledger."""

    @extend_schema(responses=OperationView)
    def get(self, request: Request, operation_id: str) -> Response:
        """Show where an operation stands."""
        return Response(OperationView(visibility.operation_for(account_of(request), operation_id)).data)
