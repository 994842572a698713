"""The portal's API as programs call it: in private, with an end, and with the portal's words when it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from provider_agent.machine.portal import Portal
from tests.support.fake_portal import FakePortal, fake_portal
from wire.http import portal as portals
from wire.http.portal import PortalClient, PortalFailed, PortalRefused, PortalUnreachable
from wire.problems import Reason, problem_body


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[FakePortal]:
    with fake_portal(tmp_path / "tls") as running:
        yield running


def refusal(**more: Any) -> bytes:
    body = problem_body(Reason.INVALID, request_id="r-1", detail="Correct the fields.")
    return json.dumps({**body, **more}).encode()


def test_what_is_wrong_with_which_field_is_told(portal: FakePortal) -> None:
    fields = {"image_link": ["is missing", "is no link"], "version": {"limits": ["too small"]}, "operation": "{}"}
    portal.answer = lambda _: (400, refusal(fields=fields))

    with PortalClient(portal.url, portal.ca_file) as client, pytest.raises(PortalRefused) as caught:
        client.post("functions", {"name": "f"})

    assert caught.value.reason == Reason.INVALID
    assert str(caught.value) == (
        "Correct the fields. image_link: is missing is no link version: {'limits': ['too small']} operation: {} "
        "(request r-1)"
    )


def test_when_it_may_be_tried_again_is_told() -> None:
    response = httpx.Response(429, headers={"Retry-After": "30"}, content=refusal(request_id=""))

    assert str(portals._refusal(response, response.content)) == "Correct the fields. Try again in 30 s."


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"hint": "x", "fields": 3}'])
def test_an_error_that_is_not_the_portals_is_a_status(portal: FakePortal, body: bytes) -> None:
    portal.answer = lambda _: (502, body)

    with PortalClient(portal.url, portal.ca_file) as client, pytest.raises(PortalRefused, match="with status 502"):
        client.post("functions", {})


def test_an_answer_without_end_is_not_taken(portal: FakePortal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PortalClient, "answer_max_bytes", 1_000)
    portal.answer = lambda _: (200, b" " * 1_001)

    with PortalClient(portal.url, portal.ca_file) as client, pytest.raises(PortalRefused, match="too large"):
        client.post("functions", {})


def test_a_machine_takes_less_than_other_programs(portal: FakePortal) -> None:
    portal.answer = lambda _: (200, b"[]" + b" " * 256 * 1024)

    with PortalClient(portal.url, portal.ca_file) as client:
        assert client.post("renewals", {}) == []
    with Portal(portal.url, portal.ca_file) as client, pytest.raises(PortalRefused, match="too large"):
        client.post("renewals", {})


@pytest.mark.parametrize("url", ["http://portal.example", "localhost", "https://", "http://[", "http://127.0.0.1.evil"])
def test_nothing_is_said_where_others_can_read_it(url: str) -> None:
    with pytest.raises(PortalFailed):
        PortalClient(url, plain_on_loopback=True)


def test_a_machine_may_speak_plainly_with_itself_only_if_that_is_said() -> None:
    with pytest.raises(PortalFailed, match="begins with https://"):
        PortalClient("http://127.0.0.1:9")
    with PortalClient("http://127.0.0.1:9", plain_on_loopback=True) as client, pytest.raises(PortalUnreachable):
        client.get("account")


def test_a_file_that_is_no_authority_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("nothing")

    for name in ("ca.crt", "missing"):
        with pytest.raises(PortalFailed, match=f"{name}: expected a file with PEM certificates"):
            PortalClient("https://localhost", tmp_path / name)
