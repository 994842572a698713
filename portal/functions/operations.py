"""Writes on functions and versions. A state moves by an UPDATE that names the old one; docs/states.md."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max

from portal.accounts import throttle
from portal.accounts.models import Account, Role
from portal.accounts.operations import require_role
from portal.accounts.throttle import Attempt
from portal.functions.drafts import FunctionDraft, VersionDraft, check_function, check_version
from portal.functions.errors import FunctionMovedOn, NameTaken, VersionMissing, WrongState
from portal.functions.images import PinnedImage, Registry, parse_link
from portal.functions.models import Function, FunctionState, FunctionVersion


def register_function(owner: Account, *, draft: FunctionDraft, registry: Registry, now: datetime) -> Function:
    """Make a function with its first version, as a draft that nobody can call yet.

    :raises RoleMissing: when the owner is no developer.
    :raises FunctionInvalid: naming every field that is wrong.
    :raises ImageRefused: when the image cannot be used.
    :raises NameTaken: when the owner has a function of this name.
    :raises TooManyAttempts: when the owner has asked registries too often.
    """
    require_role(owner, Role.DEVELOPER)
    check_function(draft)
    if Function.objects.filter(owner=owner, name=draft.name, deleted_at__isnull=True).exists():
        raise NameTaken(fields={"name": [NameTaken.__doc__ or ""]})
    link = parse_link(draft.version.image_link)
    throttle.count(Attempt.IMAGE_CHECK, owner.id, now)
    pinned = registry.pin(link, draft.version.architecture)
    try:
        with transaction.atomic():
            function = Function.objects.create(
                owner=owner, name=draft.name, description=draft.description, created_at=now
            )
            _create_version(function, draft=draft.version, pinned=pinned, number=1, now=now)
    except IntegrityError as error:
        raise NameTaken(fields={"name": [NameTaken.__doc__ or ""]}) from error
    return function


def add_version(function: Function, *, draft: VersionDraft, registry: Registry, now: datetime) -> FunctionVersion:
    """Add a version; what callers get stays as it is until the version is published.

    :raises FunctionInvalid: naming every field that is wrong.
    :raises ImageRefused: when the image cannot be used.
    :raises WrongState: when the function was deleted.
    :raises FunctionMovedOn: when another version was added at the same moment.
    :raises TooManyAttempts: when the owner has asked registries too often.
    """
    check_version(draft)
    if function.state == FunctionState.DELETED:
        raise WrongState("The function was deleted.")
    link = parse_link(draft.image_link)
    throttle.count(Attempt.IMAGE_CHECK, function.owner_id, now)
    pinned = registry.pin(link, draft.architecture)
    newest = function.versions.aggregate(newest=Max("number"))["newest"] or 0
    try:
        with transaction.atomic():
            return _create_version(function, draft=draft, pinned=pinned, number=newest + 1, now=now)
    except IntegrityError as error:
        raise FunctionMovedOn from error


def _create_version(
    function: Function, *, draft: VersionDraft, pinned: PinnedImage, number: int, now: datetime
) -> FunctionVersion:
    columns = asdict(draft)
    columns |= columns.pop("limits")
    columns |= {"image": pinned.image, "image_bytes": pinned.size, "architecture": pinned.architecture}
    return FunctionVersion.objects.create(function=function, number=number, created_at=now, **columns)


def publish(function: Function, *, version: FunctionVersion) -> Function:
    """Let callers get a version, whatever they got before.

    Call it through `portal.custody.publishing`, which announces the version on the ledger in the same transaction.

    :raises VersionMissing: when the version is another function's.
    :raises WrongState: when the function was deleted.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    if version.function_id != function.id:
        raise VersionMissing
    return _move(function, to=FunctionState.PUBLISHED, live_version_id=version.id)


def roll_back(function: Function, *, version: FunctionVersion) -> Function:
    """Let callers get an earlier version again.

    :raises WrongState: when the version is not earlier than the one that is live, or none is.
    :raises VersionMissing: when the version is another function's.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    if function.live_version is None or version.number >= function.live_version.number:
        raise WrongState("Choose a version earlier than the one that is live.")
    return publish(function, version=version)


def stop(function: Function) -> Function:
    """Let nobody call the function; what runs ends as it would.

    :raises WrongState: when it is not published.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    if function.state != FunctionState.PUBLISHED:
        raise WrongState("Only a published function can be stopped.")
    return _move(function, to=FunctionState.STOPPED)


def start(function: Function) -> Function:
    """Let callers get the live version again.

    :raises WrongState: when it is not stopped.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    if function.state != FunctionState.STOPPED:
        raise WrongState("Only a stopped function can be started.")
    return _move(function, to=FunctionState.PUBLISHED)


def delete(function: Function, *, now: datetime) -> Function:
    """Delete the function for good; its name is free again, its invocations stay in the books.

    :raises WrongState: when it was deleted before.
    :raises FunctionMovedOn: when the function was changed since it was loaded.
    """
    return _move(function, to=FunctionState.DELETED, deleted_at=now)


def _move(function: Function, *, to: FunctionState, **columns: Any) -> Function:
    if function.state == FunctionState.DELETED:
        raise WrongState("The function was deleted.")
    unchanged = Function.objects.filter(id=function.id, state=function.state, live_version_id=function.live_version_id)
    if not unchanged.update(state=to, **columns):
        raise FunctionMovedOn
    function.refresh_from_db()
    return function
