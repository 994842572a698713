"""What a new network consists of: read once from topology.toml, when the network is made."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.errors import DeployError
from wire.codec import from_plain
from wire.errors import WireError


class BadTopology(DeployError):
    """The topology file is not usable; the message names the field."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockLimits:
    """When the orderers cut a block."""

    max_transactions: int
    #: As Go writes durations: `2ms`.
    timeout: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkOrganisation:
    """An organisation, how many nodes it runs, and its operators."""

    name: str
    peers: int
    orderers: int
    users: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    """A network to be made."""

    channel: str
    host: str
    base_port: int
    blocks: BlockLimits
    organisations: tuple[NetworkOrganisation, ...]


def read(path: Path, *, small: bool) -> Topology:
    """Return the topology in a file; `small` asks for its smallest form.

    :raises BadTopology: when it is not usable.
    """
    try:
        plain = tomllib.loads(path.read_text())
        least = plain.pop("small")
        topology = from_plain(Topology, plain)
    except (OSError, tomllib.TOMLDecodeError, KeyError, WireError) as error:
        raise BadTopology(f"{path}: {error}") from error
    if not topology.organisations or not any(item.orderers for item in topology.organisations):
        raise BadTopology(f"{path}: expected at least one organisation and one orderer")
    return _smallest(topology, least) if small else topology


def _smallest(topology: Topology, least: Any) -> Topology:
    first, *others = topology.organisations
    return replace(
        topology,
        organisations=(
            replace(first, peers=least["peers"], orderers=least["orderers"]),
            *(replace(other, peers=least["peers"], orderers=0) for other in others),
        ),
    )
