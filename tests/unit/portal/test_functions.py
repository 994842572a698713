"""Functions and versions: what may be registered, and how a function moves from state to state."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts.errors import RoleMissing
from portal.custody import publishing
from portal.functions import operations, queries
from portal.functions.drafts import FunctionDraft, check_version
from portal.functions.errors import (
    FunctionInvalid,
    FunctionMissing,
    FunctionMovedOn,
    ImageMissing,
    ImageUnsuitable,
    LinkMalformed,
    NameTaken,
    VersionMissing,
    WrongState,
)
from portal.functions.models import Access, Function, FunctionState
from portal.functions.testing import FakeRegistry
from portal.outbox.models import OutboxOperation
from tests.support.people import DIGEST, IMAGE_LINK, NOW, OTHER_LINK, People, version_draft
from wire.codec import canonical_json
from wire.limits import ENVIRONMENT_MAX_BYTES, Limits

pytestmark = pytest.mark.django_db


def test_a_version_pins_digest_size_and_architecture(function: Function) -> None:
    version = queries.version_of(function, 1)

    assert version.image_link == IMAGE_LINK
    assert version.image == f"registry.example/word-count@{DIGEST}"
    assert (version.image_bytes, version.architecture) == (1_000, "amd64")
    assert function.state == FunctionState.DRAFT


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"limits": Limits(memory_mb=1)}, "memory_mb"),
        ({"limits": Limits(timeout_ms=10**9)}, "timeout_ms"),
        ({"limits": Limits(input_bytes=-1)}, "input_bytes"),
        ({"price_ceiling_nano_per_ms": -1}, "price_ceiling_nano_per_ms"),
        ({"price_ceiling_nano_per_ms": 2**63}, "price_ceiling_nano_per_ms"),
        ({"budget_micro_per_day": 10**15 + 1}, "budget_micro_per_day"),
        ({"rate_per_minute": 0}, "rate_per_minute"),
        ({"architecture": "riscv64"}, "architecture"),
        ({"access": "everybody"}, "access"),
        ({"mode": "shell"}, "mode"),
        ({"output_type": "text/html\r\nX: y"}, "output_type"),
        ({"output_type": "a/" + "b" * 100}, "output_type"),
        ({"environment": {"lower": "x"}}, "environment"),
        ({"environment": {"A=B": "x"}}, "environment"),
        ({"environment": {"1A": "x"}}, "environment"),
        ({"environment": {"": "x"}}, "environment"),
        ({"environment": {"A": "x\0y"}}, "environment"),
        ({"environment": {f"A{number}": "" for number in range(65)}}, "environment"),
        ({"environment": {"A": "é" * 8_193}}, "environment"),
        ({"environment": {"A": "\x01" * 2_731}}, "environment"),
        ({"environment": {"A": "\ud800"}}, "environment"),
    ],
)
def test_a_version_that_is_wrong_names_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(FunctionInvalid) as refused:
        check_version(version_draft(**changes))

    assert list(refused.value.fields) == [field]


def test_a_version_at_its_bounds_is_right() -> None:
    environment = {f"A{number}": "" for number in range(63)}
    environment["B"] = "x" * (ENVIRONMENT_MAX_BYTES - len(canonical_json(environment | {"B": ""})))

    check_version(version_draft(environment=environment, output_type="text/plain; charset=utf-8"))


def test_all_wrong_fields_are_named_at_once(people: People, image_registry: FakeRegistry) -> None:
    draft = FunctionDraft(name="Wrong Name", description="x" * 201, version=version_draft(rate_per_minute=0))

    with pytest.raises(FunctionInvalid) as refused:
        operations.register_function(people.developer, draft=draft, registry=image_registry, now=NOW)

    assert set(refused.value.fields) == {"name", "description", "rate_per_minute"}


def test_only_a_developer_registers_functions(people: People, image_registry: FakeRegistry) -> None:
    with pytest.raises(RoleMissing):
        operations.register_function(
            people.provider, draft=FunctionDraft(name="f", version=version_draft()), registry=image_registry, now=NOW
        )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"image_link": "registry.example/none:1"}, ImageMissing),
        ({"image_link": "word-count:1"}, LinkMalformed),
        ({"architecture": "arm64"}, ImageUnsuitable),
    ],
)
def test_an_image_that_cannot_be_used_makes_no_function(
    people: People, image_registry: FakeRegistry, changes: dict[str, Any], error: type[Exception]
) -> None:
    draft = FunctionDraft(name="word-count", version=version_draft(**changes))

    with pytest.raises(error):
        operations.register_function(people.developer, draft=draft, registry=image_registry, now=NOW)
    assert not Function.objects.exists()


def test_a_name_is_free_again_once_its_function_is_deleted(
    people: People, function: Function, image_registry: FakeRegistry
) -> None:
    draft = FunctionDraft(name=function.name, version=version_draft())
    with pytest.raises(NameTaken):
        operations.register_function(people.developer, draft=draft, registry=image_registry, now=NOW)

    operations.delete(function, now=NOW)

    assert operations.register_function(people.developer, draft=draft, registry=image_registry, now=NOW) != function
    assert operations.register_function(people.stranger, draft=draft, registry=image_registry, now=NOW) != function


@pytest.mark.usefixtures("controller_keys")
def test_publishing_lets_callers_in_and_tells_the_ledger_once(function: Function) -> None:
    version = queries.version_of(function, 1)

    publishing.publish(function, version=version, now=NOW)
    publishing.publish(function, version=version, now=NOW)

    endpoint = queries.find_endpoint("dora", "word-count")
    assert endpoint is not None
    assert (endpoint.version_id, endpoint.state) == (version.id, FunctionState.PUBLISHED)
    assert OutboxOperation.objects.get().operation_id == f"version.publish:{version.id}"


@pytest.mark.usefixtures("controller_keys")
def test_a_publication_that_fails_tells_the_ledger_nothing(function: Function) -> None:
    stale = Function.objects.get(id=function.id)
    operations.delete(function, now=NOW)

    with pytest.raises(FunctionMovedOn):
        publishing.publish(stale, version=queries.version_of(stale, 1), now=NOW)
    assert not OutboxOperation.objects.exists()


@pytest.mark.usefixtures("controller_keys")
def test_a_function_is_rolled_back_to_an_earlier_version_only(function: Function, image_registry: FakeRegistry) -> None:
    first = queries.version_of(function, 1)
    with pytest.raises(WrongState):
        publishing.roll_back(function, version=first, now=NOW)
    second = operations.add_version(
        function, draft=version_draft(image_link=OTHER_LINK), registry=image_registry, now=NOW
    )
    publishing.publish(function, version=second, now=NOW)

    with pytest.raises(WrongState):
        publishing.roll_back(function, version=second, now=NOW)
    rolled_back = publishing.roll_back(function, version=first, now=NOW)

    assert rolled_back.live_version == first
    assert [version.number for version in queries.versions_of(function)] == [2, 1]


def test_a_function_stops_and_starts(function: Function) -> None:
    with pytest.raises(WrongState):
        operations.stop(function)
    operations.publish(function, version=queries.version_of(function, 1))

    assert operations.stop(function).state == FunctionState.STOPPED
    endpoint = queries.find_endpoint("dora", "word-count")
    assert endpoint is not None
    assert endpoint.state == FunctionState.STOPPED
    with pytest.raises(WrongState):
        operations.stop(function)
    assert operations.start(function).state == FunctionState.PUBLISHED


Step = Callable[[Function], object]


@pytest.mark.parametrize(
    "step",
    [
        lambda function: operations.publish(function, version=function.versions.get()),
        operations.stop,
        operations.start,
        lambda function: operations.delete(function, now=NOW),
    ],
)
def test_nothing_moves_a_deleted_function(function: Function, step: Step) -> None:
    operations.delete(function, now=NOW)

    with pytest.raises(WrongState):
        step(function)


@pytest.mark.parametrize(
    "step", [operations.stop, lambda function: operations.delete(function, now=NOW)], ids=["stop", "delete"]
)
def test_a_function_that_was_changed_meanwhile_does_not_move(function: Function, step: Step) -> None:
    operations.publish(function, version=queries.version_of(function, 1))
    stale = Function.objects.get(id=function.id)
    operations.stop(function)

    with pytest.raises(FunctionMovedOn):
        step(stale)


def test_a_version_of_another_function_is_not_published(
    people: People, function: Function, image_registry: FakeRegistry
) -> None:
    draft = FunctionDraft(name="word-count", version=version_draft())
    other = operations.register_function(people.stranger, draft=draft, registry=image_registry, now=NOW)

    with pytest.raises(VersionMissing):
        operations.publish(function, version=queries.version_of(other, 1))


def test_an_endpoint_is_found_with_one_query(people: People, function: Function) -> None:
    operations.publish(function, version=queries.version_of(function, 1))

    with CaptureQueriesContext(connection) as asked:
        endpoint = queries.find_endpoint("dora", "word-count")

    assert len(asked) == 1
    assert endpoint is not None
    assert endpoint.developer_id == people.developer.id
    assert (endpoint.access, endpoint.limits) == (Access.OWNER, Limits())


def test_nothing_answers_for_a_draft_a_deleted_function_or_a_closed_account(people: People, function: Function) -> None:
    assert queries.find_endpoint("dora", "word-count") is None
    operations.publish(function, version=queries.version_of(function, 1))

    people.developer.is_active = False
    people.developer.save()
    assert queries.find_endpoint("dora", "word-count") is None

    people.developer.is_active = True
    people.developer.save()
    operations.delete(function, now=NOW)
    assert queries.find_endpoint("dora", "word-count") is None
    assert queries.find_endpoint("nobody", "nothing") is None


def test_a_stranger_finds_no_function_of_another(people: People, function: Function) -> None:
    with pytest.raises(FunctionMissing):
        queries.function_of(people.stranger, function.name)
