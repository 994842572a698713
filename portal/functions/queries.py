"""Reads of functions and versions."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from portal.accounts.models import Account
from portal.functions.errors import FunctionMissing, VersionMissing
from portal.functions.models import Access, Function, FunctionState, FunctionVersion
from wire.limits import Limits


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """What the gateway has to know to let a call through."""

    function_id: UUID
    version_id: UUID
    developer_id: UUID
    #: `published` or `stopped`.
    state: FunctionState
    access: Access
    get_allowed: bool
    limits: Limits
    rate_per_minute: int
    output_type: str


def find_endpoint(developer_name: str, function_name: str) -> Endpoint | None:
    """Return what answers at `/f/<developer>/<function>`; None when nothing was ever published there.

    One SQL query: the gateway asks for each call that its cache does not answer.
    """
    function = (
        Function.objects.filter(
            owner__username=developer_name,
            owner__is_active=True,
            name=function_name,
            deleted_at__isnull=True,
            live_version__isnull=False,
        )
        .select_related("live_version")
        .first()
    )
    if function is None or function.live_version is None:
        return None
    version = function.live_version
    return Endpoint(
        function_id=function.id,
        version_id=version.id,
        developer_id=function.owner_id,
        state=FunctionState(function.state),
        access=Access(version.access),
        get_allowed=version.get_allowed,
        limits=version.limits,
        rate_per_minute=version.rate_per_minute,
        output_type=version.output_type,
    )


def functions_of(owner: Account) -> QuerySet[Function]:
    """Return the owner's functions that are not deleted, newest first."""
    return (
        Function.objects.filter(owner=owner, deleted_at__isnull=True)
        .select_related("owner", "live_version")
        .order_by("-created_at")
    )


def function_of(owner: Account, name: str) -> Function:
    """Return one of the owner's functions.

    :raises FunctionMissing: when the owner has none of this name.
    """
    function = functions_of(owner).filter(name=name).first()
    if function is None:
        raise FunctionMissing
    return function


def versions_of(function: Function) -> QuerySet[FunctionVersion]:
    """Return the function's versions, newest first."""
    return function.versions.order_by("-number")


def version_of(function: Function, number: int) -> FunctionVersion:
    """Return one version.

    :raises VersionMissing: when the function has none of this number.
    """
    version = function.versions.filter(number=number).first()
    if version is None:
        raise VersionMissing
    return version
