"""The controller's processes as programs."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass

from deploy.marketplace.layout import Layout
from deploy.marketplace.settings import GATEWAY_WORKERS
from deploy.paths import ROOT
from deploy.servers.ports import is_well
from deploy.servers.process import CONTROLLER, Program
from deploy.servers.tls import ServerTls

#: How long calls under way may go on when the portal is stopped.
_GRACEFUL_SECONDS = 3
_SIGNERS = ("treasury", "authority-controller", "authority-peers")


@dataclass(frozen=True, kw_only=True, slots=True)
class Controller:
    """Portal with gateway, scheduler, and recorder with follower."""

    layout: Layout
    settings: Mapping[str, str]
    tls: ServerTls

    def commands(self, name: str, *lines: str) -> Program:
        """Return management commands that run one after the other and end."""
        return Program(
            name=name,
            command=[sys.executable, "-m", "deploy.administer", *lines],
            environment=self.settings,
            directory=ROOT,
        )

    def programs(self) -> list[Program]:
        """Return the controller's processes."""
        ports = self.layout.ports
        return [
            self._daemon("ledger", "run_ledger", ports.ledger),
            self._daemon("scheduler", "run_scheduler", ports.scheduler),
            # The process with the keys of treasury and organisations; here one person holds them all.
            self._daemon("signer", f"run_signer {' '.join(_SIGNERS)}", ports.signer),
            self.portal(),
        ]

    def portal(self) -> Program:
        """Return the portal and the gateway, each on its own port, with TLS."""
        ports = self.layout.ports
        bind = [f"--bind=127.0.0.1:{port}" for port in (ports.portal, ports.functions)]
        tls = [f"--certfile={self.tls.certificate_file}", f"--keyfile={self.tls.key_file}"]
        workers = ["--worker-class=portal.server.Worker", f"--workers={GATEWAY_WORKERS}", "--no-control-socket"]
        ending = [f"--graceful-timeout={_GRACEFUL_SECONDS}"]
        return Program(
            name="portal",
            command=[sys.executable, "-m", "gunicorn", "portal.asgi:application", *bind, *tls, *workers, *ending],
            environment=self.settings,
            directory=ROOT,
            rank=CONTROLLER,
            ready=lambda: all(
                is_well(f"{url}/healthz", self.tls.ca_file) for url in (ports.portal_url, ports.functions_url)
            ),
        )

    def _daemon(self, name: str, command: str, port: int) -> Program:
        return Program(
            name=name,
            command=[sys.executable, "manage.py", *command.split()],
            environment=self.settings,
            directory=ROOT,
            rank=CONTROLLER,
            ready=lambda: is_well(f"http://127.0.0.1:{port}/healthz"),
        )
