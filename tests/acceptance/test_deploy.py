"""A developer's way from an image link to an address, and what callers are told along it."""

from typing import Any

import pytest

from deploy.demo.function import expected_answer, push_demo_image
from deploy.demo.people import DEVELOPER
from tests.acceptance.town import Town
from tests.support.waiting import wait_for
from wire.http.portal import PortalRefused

#: The first of them starts a marketplace within its own time.
pytestmark = pytest.mark.timeout(300)
#: Until each portal process has heard of a change; one look at them is six calls.
_SECONDS = 60


def _version(link: str, **changes: Any) -> dict[str, Any]:
    return {
        "image_link": link,
        "price_ceiling_nano_per_ms": 200_000,
        "budget_micro_per_day": 50_000_000,
        "access": "public",
        "limits": {"memory_mb": 64, "timeout_ms": 10_000},
        **changes,
    }


def _answers(town: Town, status: int) -> bool:
    """Return whether every portal process has heard of the change: each connection lands on any of them."""
    return all(town.call("counted", b"a b c").status == status for _ in range(6))


def test_a_function_is_registered_published_stopped_started_rolled_back_and_deleted(town: Town) -> None:
    link = push_demo_image(town.market)
    tagged = link.partition("@")[0] + ":1"

    function = town.developer.post("functions", {"name": "counted", "version": _version(tagged)})

    assert function["state"] == "draft"
    assert _answers(town, 404)

    live = town.developer.post("functions/counted/publish", {"version": 1})["live_version"]

    # The tag was resolved once, when the version was made: what runs is the digest.
    assert live["image"] == link
    wait_for("the address", lambda: _answers(town, 200), _SECONDS)
    assert town.call("counted", b"one two").body == expected_answer(b"one two")

    limits = {"memory_mb": 64, "timeout_ms": 10_000, "input_bytes": 4}
    town.developer.post("functions/counted/versions", _version(link, limits=limits))
    town.developer.post("functions/counted/publish", {"version": 2})
    wait_for("the smaller input limit", lambda: _answers(town, 413), _SECONDS)

    town.developer.post("functions/counted/roll-back", {"version": 1})
    wait_for("the first version", lambda: _answers(town, 200), _SECONDS)

    town.developer.post("functions/counted/stop")
    wait_for("the stop", lambda: _answers(town, 404), _SECONDS)
    town.developer.post("functions/counted/start")
    wait_for("the start", lambda: _answers(town, 200), _SECONDS)


def test_an_image_that_is_not_there_is_refused_with_the_reason(town: Town) -> None:
    missing = f"{town.market.servers.registry.host}/nothing:1"

    with pytest.raises(PortalRefused, match="image"):
        town.developer.post("functions", {"name": "nothing", "version": _version(missing)})


def test_a_registry_on_a_private_network_is_refused(town: Town) -> None:
    with pytest.raises(PortalRefused, match="image_link"):
        town.developer.post("functions", {"name": "inside", "version": _version("127.0.0.1:1/inside:1")})


def test_a_function_that_no_provider_fits_is_answered_with_the_reason(town: Town) -> None:
    version = _version(push_demo_image(town.market), price_ceiling_nano_per_ms=1)
    town.developer.post("functions", {"name": "too-cheap", "version": version})
    town.developer.post("functions/too-cheap/publish", {"version": 1})

    answer = town.call("too-cheap", b"")

    assert answer.status == 503
    assert b'"no_provider"' in answer.body


def test_a_function_of_nobody_is_not_found(town: Town) -> None:
    with town.caller() as caller:
        assert caller.call(DEVELOPER.name, "nobody-made-this", b"").status == 404
