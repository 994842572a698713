"""A provider's machine: the agent with a home directory of its own."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from deploy.paths import ROOT
from deploy.servers.ports import is_well
from deploy.servers.process import AGENTS, Program

#: Nano-credits a millisecond: a run of ten milliseconds costs a thousandth of a credit.
PRICE = 100_000
_AGENT = [sys.executable, "-m", "provider_agent"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """One provider's machine."""

    name: str
    home: Path
    #: Vouches for portal and broker.
    ca_file: Path
    docker_url: str
    slots: int | None = None

    @property
    def is_enrolled(self) -> bool:
        """Whether the portal knows it."""
        return (self.home / "config.json").exists()

    @property
    def provider_id(self) -> str:
        """The id that it was enrolled with."""
        return str(json.loads((self.home / "config.json").read_text())["provider_id"])

    def enrolment(self, *, portal_url: str, code: str) -> Program:
        """Return what enrols the machine, and ends."""
        slots = [] if self.slots is None else [f"--slots={self.slots}"]
        offer = [f"--price={PRICE}", *slots]
        return Program(
            name=f"enrol-{self.name}",
            command=[*_AGENT, "enroll", portal_url, code, f"--home={self.home}", f"--ca={self.ca_file}", *offer],
            environment=_environment(),
            directory=ROOT,
        )

    def agent(self) -> Program:
        """Return the running agent."""
        # Left behind by an agent that was killed: another program may listen on its port by now.
        (self.home / "running.json").unlink(missing_ok=True)
        return Program(
            name=self.name,
            command=[*_AGENT, "run", f"--home={self.home}", f"--docker-host={self.docker_url}", "--drain-seconds=5"],
            environment=_environment(),
            directory=ROOT,
            ready=self._is_healthy,
            rank=AGENTS,
            stop_seconds=30,
        )

    def _is_healthy(self) -> bool:
        try:
            port = json.loads((self.home / "running.json").read_text())["port"]
        except (OSError, ValueError, KeyError):
            return False
        return is_well(f"http://127.0.0.1:{port}/healthz")


def _environment() -> dict[str, str]:
    """Return what keeps the controller's settings away from the agent: on a provider's machine there are none."""
    return {name: "" for name in os.environ if name.startswith("CHAINFAAS_")}
