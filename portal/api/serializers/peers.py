"""Peers, join codes and joining."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from portal.api.serializers.base import Order, RowView
from portal.api.serializers.providers import GatewayPeerView
from portal.peers.models import JoinCode, Peer


class PeerView(RowView[Peer]):
    """A peer that joined."""

    class Meta:
        model = Peer
        fields = ("id", "name", "host", "operator_key_id", "joined_at")


class JoinCodeView(RowView[JoinCode]):
    """A join code, without its text."""

    class Meta:
        model = JoinCode
        fields = ("id", "created_at", "expires_at")


class NewJoinCodeView(serializers.Serializer[Any]):
    """A new join code: the only time its text is shown."""

    code = JoinCodeView(read_only=True)
    text = serializers.CharField(read_only=True, help_text="For `fabric-network/join`; not shown again.")
    command = serializers.SerializerMethodField(help_text="What to run on the machine.")

    def get_command(self, made: Any) -> str:
        """Return what to run on the machine."""
        return f"fabric-network/join {settings.PORTAL_URL} {made.text}"


class JoinOrder(Order):
    """A machine asks to join as a peer."""

    code = serializers.CharField(max_length=64)
    statement = serializers.CharField(max_length=16_384, help_text="JWS of a join statement (wire/joining.py).")


class JoinKitView(serializers.Serializer[Any]):
    """All that a peer has to know; certificates for keys that stayed on their machine."""

    operator_id = serializers.CharField()
    channel = serializers.CharField()
    chaincode = serializers.CharField()
    msp_id = serializers.CharField()
    root_pem = serializers.CharField()
    operator_certificate_pem = serializers.CharField()
    peer_certificate_pem = serializers.CharField()
    tls_certificate_pem = serializers.CharField()
    genesis = serializers.CharField()
    peers = GatewayPeerView(many=True)
    orderer_roots = serializers.DictField(child=serializers.CharField())
