"""Providers, enrolment codes and enrolments."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from rest_framework import serializers

from portal.api.serializers.base import Order, RowView
from portal.environment import setting
from portal.providers.models import EnrolmentCode, Provider
from portal.providers.operations import Enrolment
from wire import names
from wire.messages import REPORT_FIELDS

#: How often an agent says that it is alive.
HEARTBEAT_SECONDS = 15


class ProviderView(RowView[Provider]):
    """A provider, with what its last heartbeat said."""

    owner = serializers.CharField(source="owner.username", read_only=True)

    class Meta:
        model = Provider
        fields = (
            "id",
            "name",
            "owner",
            "state",
            "enrolled_at",
            "revoked_at",
            "last_seen_at",
            *REPORT_FIELDS,
        )


class CodeOrder(Order):
    """Asks for an enrolment code."""

    name = serializers.CharField(max_length=64, help_text="What the machine will be called.")


class CodeView(RowView[EnrolmentCode]):
    """An enrolment code, without its text."""

    class Meta:
        model = EnrolmentCode
        fields = ("id", "name", "created_at", "expires_at")


class NewCodeView(serializers.Serializer[Any]):
    """A new enrolment code: the only time its text is shown."""

    code = CodeView(read_only=True)
    text = serializers.CharField(read_only=True, help_text="For `chainfaas-agent enroll`; not shown again.")
    command = serializers.SerializerMethodField(help_text="What to run on the machine.")

    def get_command(self, made: Any) -> str:
        """Return what to run on the machine."""
        return f"chainfaas-agent enroll {settings.PORTAL_URL} {made.text}"


class EnrolmentOrder(Order):
    """A machine asks to become a provider."""

    code = serializers.CharField(max_length=64)
    statement = serializers.CharField(max_length=4096, help_text="JWS of an enrolment statement (wire/enrolment.py).")
    certificate_request = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=2000,
        help_text="PKCS 10 in PEM, by the same key, for its name on the Fabric network; without it none is given.",
    )


class RenewalOrder(Order):
    """An enrolled machine asks for its certificates."""

    statement = serializers.CharField(max_length=4096, help_text="JWS of a renewal statement (wire/enrolment.py).")
    certificate_request = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=2000, help_text="As at enrolment."
    )


class GatewayPeerView(serializers.Serializer[Any]):
    """A peer of the Fabric network."""

    address = serializers.CharField(help_text="host:port of its Gateway, with TLS.")
    tls_root_pem = serializers.CharField(help_text="Root of its organisation's CA.")


class MembershipView(serializers.Serializer[Any]):
    """How a machine reaches the Fabric network."""

    msp_id = serializers.CharField()
    certificate_pem = serializers.CharField(help_text="Empty when none was asked for.")
    channel = serializers.CharField()
    chaincode = serializers.CharField()
    peers = GatewayPeerView(many=True)


class RenewalView(serializers.Serializer[Any]):
    """An enrolled machine's certificates."""

    certificate_pem = serializers.CharField()
    fabric = MembershipView(allow_null=True, help_text="null where the ledger is no Fabric network.")


class BrokerView(serializers.Serializer[Any]):
    """How the agent reaches the message broker."""

    url = serializers.CharField()
    vhost = serializers.CharField()
    user = serializers.CharField()
    password = serializers.CharField()


class EnrolmentView(serializers.Serializer[Any]):
    """All that an agent has to know."""

    provider_id = serializers.UUIDField()
    name = serializers.CharField()
    certificate_pem = serializers.CharField()
    root_key_pem = serializers.CharField()
    broker = BrokerView()
    jobs_queue = serializers.CharField()
    control_queue = serializers.CharField()
    heartbeat_seconds = serializers.IntegerField()
    allowed_registries = serializers.ListField(child=serializers.CharField())
    fabric = MembershipView(allow_null=True, help_text="null where the ledger is no Fabric network.")


def enrolment_answer(made: Enrolment, *, root_key_pem: str, registries: Iterable[str]) -> dict[str, Any]:
    """Return what the agent is told."""
    provider = made.provider
    broker = {
        "url": setting("CHAINFAAS_BROKER_PUBLIC_URL"),
        "vhost": setting("CHAINFAAS_BROKER_VHOST"),
        "user": names.broker_user(provider.id),
        "password": made.broker_password,
    }
    return {
        "provider_id": provider.id,
        "name": provider.name,
        "certificate_pem": provider.certificate_pem,
        "root_key_pem": root_key_pem,
        "broker": broker,
        "jobs_queue": names.jobs_queue(provider.queue_secret),
        "control_queue": names.control_queue(provider.queue_secret),
        "heartbeat_seconds": HEARTBEAT_SECONDS,
        "allowed_registries": list(registries),
    }
