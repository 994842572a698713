"""Health and metrics are told over HTTP, whoever asks and however slowly."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import httpx
import pytest

from tests.support.waiting import wait_for
from wire.http import health
from wire.http.health import LOCAL_NAMES, LOOPBACK, HealthAnswer, serving, watched

_PATIENCE_SECONDS = 30


@contextmanager
def told(*, well: bool = True) -> Iterator[str]:
    with serving((LOOPBACK, 0), watched(lambda: (well, {"broker": well}), lambda: b"jobs_total 1.0\n")) as port:
        yield f"http://{LOOPBACK}:{port}"


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, timeout=_PATIENCE_SECONDS, trust_env=False)


def said(port: int, request: bytes) -> bytes:
    """Return all that is answered to some bytes, until the server hangs up."""
    with socket.create_connection((LOOPBACK, port), timeout=_PATIENCE_SECONDS) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize(("well", "status"), [(True, HTTPStatus.OK), (False, HTTPStatus.SERVICE_UNAVAILABLE)])
def test_health_says_what_holds(well: bool, status: HTTPStatus) -> None:  # noqa: FBT001 - parametrized
    with told(well=well) as url:
        answer = get(f"{url}/healthz?verbose", Host="anything.example")

    assert answer.status_code == status
    assert answer.json() == {"healthy": well, "broker": well}


def test_metrics_are_shown_and_nothing_else() -> None:
    with told() as url:
        assert get(f"{url}/metrics").text == "jobs_total 1.0\n"
        assert get(f"{url}/secret").status_code == HTTPStatus.NOT_FOUND


def test_a_name_that_is_not_meant_gets_nothing() -> None:
    with serving((LOOPBACK, 0), {"/": lambda: HealthAnswer(b"{}")}, names=LOCAL_NAMES) as port:
        hosts = (f"localhost:{port}", f"evil.example:{port}")
        assert [get(f"http://{LOOPBACK}:{port}/", Host=host).status_code for host in hosts] == [200, 404]
        assert said(port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("request_", [b"\r\n", b"GET /healthz"])
def test_who_does_not_say_everything_in_time_is_hung_up_on(request_: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SECONDS", 0.1)
    with told() as url:
        assert b"200" not in said(httpx.URL(url).port or 0, request_).partition(b"\r\n")[0]


def test_more_at_one_time_than_are_answered_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_MOST_AT_ONCE", 2)
    with told() as url, ExitStack() as others:
        port = httpx.URL(url).port or 0
        for _ in range(2):
            others.enter_context(socket.create_connection((LOOPBACK, port))).sendall(b"GET")
        assert said(port, b"") == b""
    with told() as url:
        assert json.loads(get(f"{url}/healthz").content)["healthy"]


def test_an_address_that_is_taken_is_an_error() -> None:
    with told() as url, pytest.raises(OSError, match="in use"), ExitStack() as closing:
        closing.enter_context(serving((LOOPBACK, httpx.URL(url).port or 0), {}))


def test_who_says_a_byte_now_and_then_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_SECONDS", 0.5)
    with told() as url, socket.create_connection((LOOPBACK, httpx.URL(url).port or 0), timeout=0.05) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nX: ")

        def ended() -> bool:
            try:
                connection.sendall(b"x")
                connection.recv(1)
            except TimeoutError:
                return False
            except ConnectionError:
                pass
            return True

        wait_for("the end", ended, 10)
