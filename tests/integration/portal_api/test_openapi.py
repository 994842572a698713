"""The OpenAPI description is complete, valid and without warnings."""

from http import HTTPStatus
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema


def describe() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call] # the library's
    return schema


def test_the_description_is_valid_and_has_no_warnings() -> None:
    GENERATOR_STATS.reset()

    schema = describe()

    validate_schema(schema)  # type: ignore[no-untyped-call] # the library's
    assert not GENERATOR_STATS


def test_the_command_finds_nothing_to_complain_about(capsys: object) -> None:
    call_command("spectacular", validate=True, fail_on_warn=True)

    assert capsys


def test_every_address_is_described_with_its_errors() -> None:
    schema = describe()

    api = next(item for item in get_resolver().url_patterns if str(item.pattern) == "api/v1/")
    left_out = {"^", "openapi.json"}
    routes = {str(route.pattern) for route in api.url_patterns} - left_out  # type: ignore[union-attr] # an include
    assert len(schema["paths"]) == len(routes)
    for path in schema["paths"].values():
        for operation in path.values():
            assert "default" in operation["responses"]
            assert operation["description"]


def test_everybody_may_read_it() -> None:
    answer = Client(SERVER_NAME="localhost").get("/api/v1/openapi.json")

    assert answer.status_code == HTTPStatus.OK
    assert answer.json()["info"]["title"] == "ChainFaaS"
