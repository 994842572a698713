"""The functions of the account that asks, and their versions."""

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
from portal.api.serializers.functions import FunctionOrder, FunctionView, NumberOrder, VersionOrder, VersionView
from portal.custody import publishing
from portal.functions import operations, queries
from portal.functions.models import Function, FunctionVersion


class Functions(AccountList[Function]):
    """The functions of the account that asks."""

    model = Function
    serializer_class = FunctionView
    rows = queries.functions_of

    @extend_schema(request=FunctionOrder, responses={201: FunctionView})
    def post(self, request: Request) -> Response:
        """Register a function with its first version; nobody can call it before it is published."""
        draft = FunctionOrder.draft(FunctionOrder.read(request))
        function = operations.register_function(
            account_of(request), draft=draft, registry=composition.registry(), now=timezone.now()
        )
        return Response(FunctionView(function).data, status=201)


class OneFunction(APIView):
    @extend_schema(responses=FunctionView)
    def get(self, request: Request, name: str) -> Response:
        """Show the function."""
        return Response(FunctionView(queries.function_of(account_of(request), name)).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Delete the function; its name is free again."""
        operations.delete(queries.function_of(account_of(request), name), now=timezone.now())
        return Response(status=204)


class Versions(AccountList[FunctionVersion]):
    """The versions of a function."""

    model = FunctionVersion
    serializer_class = VersionView

    def visible_to(self, account: Account) -> QuerySet[FunctionVersion]:
        """Return the versions of the account's function."""
        return queries.versions_of(queries.function_of(account, self.kwargs["name"]))

    @extend_schema(request=VersionOrder, responses={201: VersionView})
    def post(self, request: Request, name: str) -> Response:
        """Add a version; callers get it once it is published."""
        function = queries.function_of(account_of(request), name)
        draft = VersionOrder.draft(VersionOrder.read(request))
        version = operations.add_version(function, draft=draft, registry=composition.registry(), now=timezone.now())
        return Response(VersionView(version).data, status=201)


class VersionByNumber(APIView):
    @extend_schema(responses=VersionView)
    def get(self, request: Request, name: str, number: int) -> Response:
        """Show the version."""
        function = queries.function_of(account_of(request), name)
        return Response(VersionView(queries.version_of(function, number)).data)


class Publish(APIView):
    @extend_schema(request=NumberOrder, responses=FunctionView)
    def post(self, request: Request, name: str) -> Response:
        """Let callers get a version."""
        function = queries.function_of(account_of(request), name)
        version = queries.version_of(function, NumberOrder.read(request)["version"])
        return Response(FunctionView(publishing.publish(function, version=version, now=timezone.now())).data)


class RollBack(APIView):
    @extend_schema(request=NumberOrder, responses=FunctionView)
    def post(self, request: Request, name: str) -> Response:
        """Let callers get an earlier version again."""
        function = queries.function_of(account_of(request), name)
        version = queries.version_of(function, NumberOrder.read(request)["version"])
        return Response(FunctionView(publishing.roll_back(function, version=version, now=timezone.now())).data)


class Stop(APIView):
    @extend_schema(request=None, responses=FunctionView)
    def post(self, request: Request, name: str) -> Response:
        """Let nobody call the function."""
        function = queries.function_of(account_of(request), name)
        return Response(FunctionView(operations.stop(function)).data)


class Start(APIView):
    @extend_schema(request=None, responses=FunctionView)
    def post(self, request: Request, name: str) -> Response:
        """Let callers get the live version again."""
        function = queries.function_of(account_of(request), name)
        return Response(FunctionView(operations.start(function)).data)
