"""Providers of the account that asks, their enrolment codes, and the enrolment that an agent asks for."""

from uuid import UUID

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
from portal.api.serializers.providers import (
    CodeOrder,
    CodeView,
    EnrolmentOrder,
    EnrolmentView,
    NewCodeView,
    ProviderView,
    RenewalOrder,
    RenewalView,
    enrolment_answer,
)
from portal.membership.ports import provider_member
from portal.providers import operations, queries, renewals
from portal.providers.codes import machine_attempt
from portal.providers.models import EnrolmentCode, Provider
from portal.providers.statements import check_own, read_application
from wire.enrolment import Membership
from wire.signing import PublicKey


class Codes(AccountList[EnrolmentCode]):
    """Enrolment codes that a machine can still use."""

    model = EnrolmentCode
    serializer_class = CodeView

    def visible_to(self, account: Account) -> QuerySet[EnrolmentCode]:
        """Return the account's open codes."""
        return queries.open_codes_of(account, timezone.now())

    @extend_schema(request=CodeOrder, responses={201: NewCodeView})
    def post(self, request: Request) -> Response:
        """Make a one-time code for a machine; its text is shown this once."""
        order = CodeOrder.read(request)
        made = operations.create_code(account_of(request), name=order["name"], now=timezone.now())
        return Response(NewCodeView(made).data, status=201)


class Providers(AccountList[Provider]):
    """The providers of the account that asks; an administrator sees all."""

    model = Provider
    serializer_class = ProviderView

    def visible_to(self, account: Account) -> QuerySet[Provider]:
        """Return the account's providers."""
        return queries.all_providers() if account.is_staff else queries.providers_of(account)


class OneProvider(APIView):
    @extend_schema(responses=ProviderView)
    def get(self, request: Request, provider_id: UUID) -> Response:
        """Show the provider."""
        return Response(ProviderView(queries.provider_for(account_of(request), provider_id)).data)


class Revoke(APIView):
    @extend_schema(request=None, responses=ProviderView)
    def post(self, request: Request, provider_id: UUID) -> Response:
        """Take the provider out for good."""
        provider = queries.provider_for(account_of(request), provider_id)
        revoked = operations.revoke_provider(
            provider, broker=composition.broker_admin(), now=timezone.now(), registrar=composition.registrar()
        )
        return Response(ProviderView(revoked).data)


class Enrolments(APIView):
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(request=EnrolmentOrder, responses=EnrolmentView, auth=[])
    def post(self, request: Request) -> Response:
        """Make a provider of the machine; it may repeat this when the answer was lost."""
        now = timezone.now()
        with machine_attempt(request.META.get("REMOTE_ADDR", ""), now):
            order = EnrolmentOrder.read(request)
            application, wanted = read_application(order["code"], order["statement"]), order["certificate_request"]
            if wanted:
                check_own(application.key, wanted)
            made = operations.enrol(
                application,
                authority=composition.certificate_authority(),
                broker=composition.broker_admin(),
                announce=composition.announce(),
                now=now,
            )
            membership = _membership(made.provider, wanted) if wanted else None
        answer = enrolment_answer(
            made, root_key_pem=composition.root_key_pem(), registries=composition.registry_list().schemes
        )
        return Response(EnrolmentView({**answer, "fabric": membership}).data)


class Renewals(APIView):
    authentication_classes = ()
    permission_classes = ()

    @extend_schema(request=RenewalOrder, responses=RenewalView, auth=[])
    def post(self, request: Request) -> Response:
        """Return the machine's certificates, new ones where they end soon, and where the network's peers are."""
        now = timezone.now()
        with machine_attempt(request.META.get("REMOTE_ADDR", ""), now):
            order = RenewalOrder.read(request)
            provider = renewals.provider_of(order["statement"], now)
            if order["certificate_request"]:
                check_own(PublicKey.from_pem(provider.signing_key_pem), order["certificate_request"])
            membership = _membership(provider, order["certificate_request"])
            renewed = renewals.renew(provider, authority=composition.certificate_authority(), now=now)
        return Response(RenewalView({"certificate_pem": renewed.certificate_pem, "fabric": membership}).data)


def _membership(provider: Provider, request_pem: str) -> Membership | None:
    admission = composition.admission()
    return admission.admit(provider_member(provider.signing_key_id), request_pem) if admission else None
