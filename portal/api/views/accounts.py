"""The account that asks, its roles and tokens; and an administrator's decisions on roles."""

from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.accounts import operations, queries
from portal.accounts.models import Account, ApiToken, Role, RoleGrant
from portal.api.authentication import account_of, administrator_of
from portal.api.pages import AccountList
from portal.api.serializers.accounts import (
    AccountView,
    DecisionOrder,
    NewTokenView,
    RoleOrder,
    RoleRequestView,
    RoleView,
    TokenOrder,
    TokenView,
)


class Me(APIView):
    @extend_schema(responses=AccountView)
    def get(self, request: Request) -> Response:
        """Show the account that asks."""
        return Response(AccountView(account_of(request)).data)


class Roles(AccountList[RoleGrant]):
    """The roles of the account that asks."""

    model = RoleGrant
    serializer_class = RoleView
    rows = queries.roles_of

    @extend_schema(request=RoleOrder, responses={201: RoleView})
    def post(self, request: Request) -> Response:
        """Ask for a role; a peer's waits for an administrator."""
        order = RoleOrder.read(request)
        grant = operations.ask_role(account_of(request), role=Role(order["role"]), now=timezone.now())
        return Response(RoleView(grant).data, status=201)


class RoleRequests(AccountList[RoleGrant]):
    """Roles that wait for an administrator."""

    model = RoleGrant
    serializer_class = RoleRequestView

    def visible_to(self, account: Account) -> QuerySet[RoleGrant]:
        """Return what waits, to an administrator."""
        operations.require_administrator(account)
        return queries.waiting_roles()


class RoleDecision(APIView):
    @extend_schema(request=DecisionOrder, responses=RoleRequestView)
    def post(self, request: Request, grant_id: int) -> Response:
        """Approve or refuse a role."""
        by, order = administrator_of(request), DecisionOrder.read(request)
        grant = queries.role_request(grant_id)
        decided = operations.decide_role(grant, approve=order["approve"], by=by, now=timezone.now())
        return Response(RoleRequestView(decided).data)


class Tokens(AccountList[ApiToken]):
    """The API tokens of the account that asks."""

    model = ApiToken
    serializer_class = TokenView
    rows = queries.tokens_of

    @extend_schema(request=TokenOrder, responses={201: NewTokenView})
    def post(self, request: Request) -> Response:
        """Make a token; its text is shown this once."""
        order = TokenOrder.read(request)
        made = operations.make_token(account_of(request), now=timezone.now(), **order)
        return Response(NewTokenView(made).data, status=201)


class Token(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke the token."""
        operations.revoke_token(account_of(request), token_id=token_id, now=timezone.now())
        return Response(status=204)
