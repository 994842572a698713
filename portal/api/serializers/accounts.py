"""Accounts, roles and tokens."""

from typing import Any, ClassVar

from rest_framework import serializers

from portal.accounts.models import Account, ApiToken, Role, RoleGrant
from portal.api.serializers.base import Order, RowView


class RoleView(RowView[RoleGrant]):
    """A role of the account."""

    class Meta:
        model = RoleGrant
        fields: ClassVar[tuple[str, ...]] = ("id", "role", "state", "asked_at", "decided_at")


class AccountView(RowView[Account]):
    """The account that asks."""

    roles = RoleView(many=True, read_only=True)
    is_administrator = serializers.BooleanField(source="is_staff", read_only=True)

    class Meta:
        model = Account
        fields = ("id", "username", "email", "time_zone", "is_administrator", "roles", "date_joined")


class RoleRequestView(RoleView):
    """A role that waits for an administrator."""

    username = serializers.CharField(source="account.username", read_only=True)

    class Meta(RoleView.Meta):
        fields = (*RoleView.Meta.fields, "username")


class RoleOrder(Order):
    """Asks for a role."""

    role = serializers.ChoiceField(choices=Role.choices)


class DecisionOrder(Order):
    """Decides on a role."""

    approve = serializers.BooleanField()


class TokenView(RowView[ApiToken]):
    """An API token, without its text."""

    class Meta:
        model = ApiToken
        fields = ("id", "name", "prefix", "created_at", "expires_at", "last_used_at")


class TokenOrder(Order):
    """Asks for a token."""

    name = serializers.CharField(max_length=64)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class NewTokenView(serializers.Serializer[Any]):
    """A new token: the only time its text is shown."""

    token = TokenView(read_only=True)
    text = serializers.CharField(read_only=True, help_text="Keep it: it is not shown again.")
