"""Peers that joined, and the one-time codes by which they do."""

import uuid

from django.db import models

from portal.accounts.models import Account
from portal.providers.codes import OneTimeCode


class Peer(models.Model):
    """One node of an operator's. An operator may run several; its account is paid once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="peers")
    #: Of the key that attests: the same for all peers of an account.
    operator_key_id = models.CharField(max_length=64, db_index=True)
    #: Its name on the network.
    name = models.CharField(max_length=64, unique=True)
    #: Where others reach it, as its operator says.
    host = models.CharField(max_length=255)
    joined_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class JoinCode(OneTimeCode):
    """A one-time code that lets one machine join as a peer."""

    peer = models.ForeignKey(Peer, on_delete=models.CASCADE, null=True, related_name="+")

    def __str__(self) -> str:
        return f"join code of {self.owner_id}"
