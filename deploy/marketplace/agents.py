"""A provider's machine: the agent with a home directory of its own."""

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.paths import ROOT
from deploy.servers.ports import is_well
from deploy.servers.process import AGENTS, Program

#: Nano-credits a millisecond: a run of ten milliseconds costs a thousandth of a credit.
PRICE = 100_000


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
        return self._program(f"enrol-{self.name}", "enroll", portal_url, code, f"--ca={self.ca_file}", *offer)

    def agent(self) -> Program:
        """Return the running agent."""
        # Left behind by an agent that was killed: another program may listen on its port by now.
        (self.home / "running.json").unlink(missing_ok=True)
        agent = self._program(self.name, "run", f"--docker-host={self.docker_url}", "--drain-seconds=5")
        return replace(agent, ready=self._is_healthy, rank=AGENTS, stop_seconds=30)

    def _program(self, name: str, *words: str) -> Program:
        # On a provider's machine there are none of the controller's settings.
        environment = {setting: "" for setting in os.environ if setting.startswith("CHAINFAAS_")}
        command = [sys.executable, "-m", "provider_agent", *words, f"--home={self.home}"]
        return Program(name=name, command=command, environment=environment, directory=ROOT)

    def _is_healthy(self) -> bool:
        try:
            port = json.loads((self.home / "running.json").read_text())["port"]
        except (OSError, ValueError, KeyError):
            return False
        return is_well(f"http://127.0.0.1:{port}/healthz")
