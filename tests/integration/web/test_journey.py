"""The main job in a real browser: sign up, register a function, publish it, call it, see what became of it."""

import asyncio
import re
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished
from django.db import connections
from playwright.sync_api import Browser, Page, Route, sync_playwright

from deploy.servers.ports import free_ports
from deploy.servers.tls import ServerTls, server_tls
from portal.dispatch import Dispatcher
from portal.gateway import app as gateway_app
from portal.gateway.app import assemble
from portal.gateway.calls import Bounds
from portal.gateway.gateway import deliver_to
from portal.gateway.rabbitmq import RabbitGatewayBroker
from portal.gateway.records import DatabaseRecords
from portal.gateway.testing import echo
from portal.gateway.waiting import WaitingCallers
from tests.support.gateway.rabbit_scheduler import RabbitScheduler
from tests.support.people import IMAGE_LINK, PASSWORD
from tests.support.servers import Broker, untested
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("quick_passwords")]

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SIZES = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@dataclass(frozen=True, slots=True)
class Site:
    """Portal and functions as they are served: one process, two host names."""

    portal: str
    functions: str
    #: The authority that vouches for it.
    trust: ssl.SSLContext


@pytest.fixture
def site(
    transactional_db: None,  # noqa: ARG001 - the database
    broker: Broker,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    """Serve everything over HTTPS, with RabbitMQ and a scheduler that echoes."""
    waiting = WaitingCallers(10)
    rabbit = RabbitGatewayBroker(broker.login, deliver_to(waiting), gateway_id="test")
    gateway = assemble(DatabaseRecords(), broker=rabbit, waiting=waiting, bounds=Bounds(placing_seconds=5))
    monkeypatch.setattr(gateway_app, "application", gateway)

    async def is_healthy() -> bool:
        return True

    dispatcher = Dispatcher(
        portal=get_asgi_application(),  # type: ignore[arg-type] # Django's own scope type
        gateway=gateway,
        functions_host="127.0.0.1",
        is_healthy=is_healthy,
    )
    # As portal/asgi.py does: each request has a thread of its own.
    request_finished.connect(_close_connections)
    scheduler = RabbitScheduler(broker, echo)
    (port,) = free_ports(1)
    tls = server_tls(tmp_path / "tls")
    with _served(dispatcher, port, tls):
        wait_for("the gateway's connection", lambda: rabbit.ready, 60)
        yield Site(
            f"https://localhost:{port}", f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=tls.ca_file)
        )
    scheduler.stop()
    request_finished.disconnect(_close_connections)


def _close_connections(**_sender: object) -> None:
    connections.close_all()


class _served:  # noqa: N801 - used as a function
    """A server on a thread of its own, until the block ends."""

    def __init__(self, app: Dispatcher, port: int, tls: ServerTls) -> None:
        config = uvicorn.Config(
            app,
            port=port,
            log_config=None,
            access_log=False,
            ssl_certfile=tls.certificate_file,
            ssl_keyfile=tls.key_file,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()))

    def __enter__(self) -> None:
        self._thread.start()
        wait_for("the server", lambda: self._server.started, 60)

    def __exit__(self, *_exception: object) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """A real browser."""
    program = shutil.which("chromium")
    if program is None:
        untested("a real browser is missing: chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_page(site: Site, chromium: Browser) -> Open:
    """Open pages in windows of their own; whatever the browser complains of fails the test."""

    def opened(size: str, **options: Any) -> Page:
        context = chromium.new_context(ignore_https_errors=True, viewport=SIZES[size], base_url=site.portal, **options)  # type: ignore[arg-type]
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", _complain)
        page.on("console", lambda message: _complain(message.text) if message.type == "error" else None)
        return page

    return opened


def _complain(text: object) -> None:
    raise AssertionError(f"the browser complains: {text}")


def fits(page: Page) -> bool:
    """Return whether nothing of the page lies beside the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def send(page: Page) -> None:
    with page.expect_navigation():
        page.locator("main form button.button").first.click()


@pytest.mark.usefixtures("image_registry", "controller_keys")
@pytest.mark.parametrize("size", list(SIZES))
def test_from_sign_up_to_the_first_answer(site: Site, open_page: Open, size: str) -> None:
    page = open_page(size)

    page.goto("/")
    page.get_by_role("main").get_by_role("link", name="Sign up").click()
    page.get_by_label("Name").fill("nina")
    page.get_by_label("E-mail").fill("nina@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    send(page)
    assert "Your account is ready" in page.inner_text("main")

    scripts: list[Route] = []
    page.route("**/site*.js", lambda route: scripts.append(route))  # noqa: PLW0108 - Playwright wants a function
    with page.expect_request("**/site*.js"):
        page.get_by_role("link", name="Register a function").first.click()
    page.get_by_label("Name").fill("echo")
    page.get_by_label("Image link").fill(IMAGE_LINK)
    page.get_by_label("Price ceiling").fill("50")
    # On a slow line people type before the page's script is there.
    (script,) = scripts
    script.continue_()
    page.unroute("**/site*.js")
    page.get_by_text("A run at the full timeout of 30 s costs at most 0.0015 credits").wait_for()
    page.get_by_label("Everyone").check()
    assert fits(page)
    send(page)

    page.get_by_role("button", name="Publish version 1").click()
    page.get_by_text("Version 1 is live").wait_for()
    address = page.inner_text("#address")
    assert address == "https://127.0.0.1:8444/f/nina/echo"
    assert fits(page)

    called = httpx.post(f"{site.functions}/f/nina/echo", content=b"from outside", verify=site.trust, timeout=60)
    assert (called.status_code, called.text) == (200, "from outside")

    page.get_by_role("link", name="Run once").click()
    page.get_by_label("Input").fill("from the browser")
    send(page)
    assert page.inner_text("pre") == "from the browser"


@pytest.mark.usefixtures("people")
def test_without_scripts_everything_still_works(open_page: Open) -> None:
    page = open_page("desk", java_script_enabled=False)

    page.goto("/tokens")
    page.get_by_label("Name").fill("dora")
    page.get_by_label("Password").fill(PASSWORD)
    send(page)
    page.get_by_label("Name").fill("laptop")
    send(page)

    assert re.fullmatch(r"cf_[a-z0-9]{8}_[\w-]{43}", page.inner_text("#token"))
    page.locator("summary", has_text="Revoke").click()
    page.get_by_role("button", name="Revoke laptop").click()
    page.get_by_text("The token is revoked").wait_for()


def test_a_keyboard_reaches_the_content_and_the_form(open_page: Open) -> None:
    page = open_page("phone")
    page.goto("/sign-in")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.name") == "username"


def test_the_functions_host_knows_nothing_of_the_portal(site: Site) -> None:
    for path in ("/", "/sign-in", "/static/web/site.css", "/api/v1/account"):
        answer = httpx.get(f"{site.functions}{path}", verify=site.trust)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
        assert "set-cookie" not in answer.headers
    assert httpx.get(f"{site.portal}/static/web/site.css", verify=site.trust).status_code == 200
    assert httpx.get(f"{site.portal}/f/nina/echo", verify=site.trust).status_code == 404
