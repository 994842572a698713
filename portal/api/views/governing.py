"""Administrators propose changes of keys, and how jobs end whose digests differ."""

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts.models import Account
from portal.accounts.operations import require_administrator
from portal.api.authentication import administrator_of
from portal.api.pages import AccountList
from portal.api.serializers.governing import (
    KeyView,
    MismatchLineView,
    MismatchOrder,
    MismatchView,
    PinOrder,
    RevocationOrder,
)
from portal.api.serializers.money import WholeRequestView
from portal.api.views.decisions import answer
from portal.books.models import LedgerJob
from portal.governance import mismatches, pinned_keys
from portal.governance.content import Decision
from wire.ledger.operations import PinKey


class PinnedKeyList(APIView):
    """The keys of the controller's roles and of the organisations' authorities."""

    @extend_schema(responses=KeyView(many=True))
    def get(self, request: Request) -> Response:
        """List the keys that may act; for administrators."""
        administrator_of(request)
        return Response(KeyView(pinned_keys.keys_of_roles(), many=True).data)

    @extend_schema(request=PinOrder, responses={202: WholeRequestView})
    def post(self, request: Request) -> Response:
        """Propose to pin a key, and approve it for one's own organisation."""
        by, order = administrator_of(request), PinOrder.read(request)
        note, request_id = order.pop("note"), order.pop("request_id")
        pin = PinKey(**order)
        return answer(pinned_keys.propose_pin(by, pin=pin, note=note, request_id=request_id, now=timezone.now()))


class Revocations(APIView):
    """Ends of keys."""

    @extend_schema(request=RevocationOrder, responses={202: WholeRequestView})
    def post(self, request: Request) -> Response:
        """Propose to end a key, and approve it for one's own organisation."""
        by, order = administrator_of(request), RevocationOrder.read(request)
        return answer(pinned_keys.propose_revocation(by, **order, now=timezone.now()))


class Mismatches(AccountList[LedgerJob]):
    """Jobs that wait for a decision, oldest first; for administrators."""

    model = LedgerJob
    serializer_class = MismatchLineView

    def visible_to(self, account: Account) -> QuerySet[LedgerJob]:
        """Return all of them, to an administrator."""
        require_administrator(account)
        return mismatches.open_mismatches()


class MismatchById(APIView):
    """A job that waits for a decision."""

    @extend_schema(responses=MismatchView)
    def get(self, request: Request, job_id: str) -> Response:
        """Show what speaks for either side."""
        administrator_of(request)
        return Response(MismatchView(mismatches.mismatch(job_id)).data)


class MismatchDecision(APIView):
    """How a mismatch ends."""

    @extend_schema(request=MismatchOrder, responses={202: WholeRequestView})
    def post(self, request: Request, job_id: str) -> Response:
        """Propose to pay or to release, and approve it for one's own organisation."""
        by, order = administrator_of(request), MismatchOrder.read(request)
        wanted = Decision(job_id=job_id, pay_ms=order["pay_ms"], note=order["reason"])
        request_id, now = order["request_id"], timezone.now()
        return answer(mismatches.propose_decision(by, decision=wanted, request_id=request_id, now=now))
