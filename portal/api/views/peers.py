"""Peers of the account that asks, their join codes, and the joining that a machine asks for."""

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal import composition
from portal.accounts.models import Account
from portal.api.authentication import account_of
from portal.api.pages import AccountList
from portal.api.serializers.peers import JoinCodeView, JoinKitView, JoinOrder, NewJoinCodeView, PeerView
from portal.peers import operations, queries
from portal.peers.models import JoinCode, Peer
from portal.peers.statements import read_join_application
from portal.providers.codes import machine_attempt


class PeerList(AccountList[Peer]):
    """The peers of the account that asks."""

    model = Peer
    serializer_class = PeerView
    rows = queries.peers_of


class JoinCodes(AccountList[JoinCode]):
    """Join codes that a machine can still use."""

    model = JoinCode
    serializer_class = JoinCodeView

    def visible_to(self, account: Account) -> QuerySet[JoinCode]:
        """Return the account's open codes."""
        return queries.open_join_codes(account, timezone.now())

    @extend_schema(request=None, responses={201: NewJoinCodeView})
    def post(self, request: Request) -> Response:
        """Make a one-time code for a machine that will be a peer; its text is shown this once."""
        made = operations.create_join_code(account_of(request), now=timezone.now())
        return Response(NewJoinCodeView(made).data, status=201)


class Joins(APIView):
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(request=JoinOrder, responses=JoinKitView, auth=[])
    def post(self, request: Request) -> Response:
        """Certify the machine's keys; it may repeat this when the answer was lost."""
        now = timezone.now()
        with machine_attempt(request.META.get("REMOTE_ADDR", ""), now):
            order = JoinOrder.read(request)
            application = read_join_application(order["code"], order["statement"])
            kit = operations.join(application, network=composition.known_network(), now=now)
        return Response(JoinKitView(kit).data)
