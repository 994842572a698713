"""The Fabric network under a marketplace whose ledger it is: on free ports, and stopped with the marketplace."""

import logging
from dataclasses import astuple, dataclass
from pathlib import Path

from deploy.errors import DeployError
from deploy.fabric import topology
from deploy.fabric.network import Places, plan
from deploy.fabric.operator import NetworkOperator
from deploy.fabric.profiles import profile_file
from deploy.fabric.supervision import Say
from deploy.fabric.tools import FabricTools
from deploy.marketplace.layout import Layout
from deploy.paths import FABRIC, FABRIC_BINARIES
from deploy.servers.ports import free_ports
from deploy.servers.supervisor import PortTaken
from fabric_client.errors import FabricError

_TOPOLOGY = FABRIC / "topology.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class FabricChoice:
    """Which network a marketplace begins with."""

    #: `small`: one orderer, and one peer an organisation; `default`: all that topology.toml names.
    topology: str = "small"
    binaries: Path = FABRIC_BINARIES


class FabricNetwork:
    """A marketplace's own network."""

    def __init__(self, layout: Layout, choice: FabricChoice) -> None:
        # What the client logs is for programs; here the outcome is shown.
        logging.getLogger("fabric_client").addHandler(logging.NullHandler())
        self.root = layout.fabric
        self._progress: Say = lambda _: None
        self._tools = FabricTools(directory=choice.binaries)
        self.operator = NetworkOperator(self.root, self._tools, lambda told: self._progress(f"Fabric: {told}"))
        self._small = choice.topology == "small"
        self._taken = set(astuple(layout.ports))

    @property
    def settings(self) -> dict[str, str]:
        """What tells the controller's processes of it."""
        places = Places(root=self.root)
        return {
            "CHAINFAAS_FABRIC_PROFILE": str(profile_file(places, "controller", "recorder")),
            "CHAINFAAS_FABRIC_REGISTRAR": str(profile_file(places, "peers", "registrar")),
        }

    def build(self, progress: Say) -> None:
        """Build Fabric's programs, if that was not done.

        :raises DeployError: when something for it is missing, or it fails.
        """
        self._tools.build(lambda told: progress(f"Fabric's programs: {told}"))

    def start(self, genesis: Path, progress: Say) -> None:
        """Make the network the first time, begin its ledger, and return when it commits transactions.

        :raises DeployError: when it does not.
        """
        self._progress = progress
        try:
            wanted = topology.read(_TOPOLOGY, small=self._small)
            self.operator.up(lambda: plan(wanted, self._free_ports), genesis)
        except PortTaken as error:
            raise DeployError(f"{error}: stop that, or begin afresh with --data DIR") from error
        except FabricError as error:
            raise DeployError(f"the Fabric network failed: {error}") from error

    def _free_ports(self, count: int) -> list[int]:
        """Return ports that are free, and not those of the marketplace's own processes that start later."""
        return [port for port in free_ports(count + len(self._taken)) if port not in self._taken][:count]
