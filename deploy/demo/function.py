"""The demo function: its image, its registration over the API, and what its answer has to be."""

import hashlib
import json
from typing import Any

from deploy.images.demo import demo_image
from deploy.images.push import push
from deploy.marketplace.running import Marketplace
from wire.http.portal import PortalClient
from wire.money import MICRO_PER_CREDIT

NAME = "word-count"
#: Above the agents' price, below what would make a call dear.
PRICE_CEILING = 200_000
_BUDGET_MICRO = 100 * MICRO_PER_CREDIT
_LIMITS = {"memory_mb": 64, "cpu_millis": 1_000, "timeout_ms": 10_000, "processes": 16}


def expected_answer(given: bytes) -> bytes:
    """Return what the demo function has to answer, byte for byte."""
    answer = {"bytes": len(given), "sha256": hashlib.sha256(given).hexdigest(), "words": len(given.split())}
    return json.dumps(answer, sort_keys=True).encode() + b"\n"


def push_demo_image(market: Marketplace) -> str:
    """Put the demo function's image into the marketplace's registry, and return its link by digest."""
    registry = market.servers.registry
    image = demo_image(market.layout.directory / "images")
    digest = push(image, registry_url=registry.url, repository=NAME, tag="1")
    return f"{registry.host}/{NAME}@{digest}"


def publish(developer: PortalClient, link: str, *, name: str = NAME) -> dict[str, Any]:
    """Let callers get the function with an image; nothing changes when they do already."""
    known: dict[str, dict[str, Any]] = {item["name"]: item for item in developer.get("functions")["results"]}
    version = {
        "image_link": link,
        "limits": _LIMITS,
        "output_type": "application/json",
        "price_ceiling_nano_per_ms": PRICE_CEILING,
        "budget_micro_per_day": _BUDGET_MICRO,
        "access": "public",
        "rate_per_minute": 60_000,
    }
    if name not in known:
        description = "Counts bytes and words of its input, and hashes it."
        developer.post("functions", {"name": name, "description": description, "version": version})
        number = 1
    elif (known[name]["live_version"] or {}).get("image") == link:
        return known[name]
    else:
        number = developer.post(f"functions/{name}/versions", version)["number"]
    published: dict[str, Any] = developer.post(f"functions/{name}/publish", {"version": number})
    return published
