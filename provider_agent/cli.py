"""The commands of `chainfaas-agent`: the composition root, the only place where adapters are made."""

import json
from contextlib import ExitStack, closing
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import click

from provider_agent import __version__, daemon, own_key
from provider_agent.claims.claiming import Claimant, ClaimDesk, standing
from provider_agent.claims.evidence import Evidence, EvidenceStore
from provider_agent.containers.engine import DockerEngine
from provider_agent.containers.ports import EngineFacts
from provider_agent.errors import AgentError
from provider_agent.machine import config as configs
from provider_agent.machine import doctor as doctors
from provider_agent.machine import enrolment, keys, renewal
from provider_agent.machine import membership as memberships
from provider_agent.machine.config import Config, Offer, default_offer
from provider_agent.machine.doctor import Finding, Level
from provider_agent.machine.home import DEFAULT_HOME, AgentHome
from provider_agent.machine.portal import Portal
from provider_agent.rabbitmq import try_login
from wire import logs
from wire.enrolment import end_of
from wire.http.portal import PortalFailed
from wire.limits import BOUNDS

if TYPE_CHECKING:
    from provider_agent.claims.peers import PeerLedger

_NOT_RUNNING = 3
_home = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_HOME,
    envvar="CHAINFAAS_AGENT_HOME",
    show_default=True,
    show_envvar=True,
    help="Directory with this provider's keys, settings and journal.",
)
_docker = click.option(
    "--docker-host",
    envvar="DOCKER_HOST",
    default="unix:///var/run/docker.sock",
    show_default=True,
    show_envvar=True,
    help="Address of Docker Engine on this machine.",
)


class _Commands(click.Group):
    """Shows an expected failure of a command as one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (AgentError, PortalFailed) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="chainfaas-agent")
def main() -> None:
    """Run functions on this machine and earn money.

    First enrol it once with a code from the portal (enroll), look whether all is well (doctor), then take jobs (run).
    """


main.add_command(own_key.key)


@main.command()
@click.argument("portal_url")
@click.argument("code")
@_home
@click.option(
    "--ca",
    "authority",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="PEM file with the authority that vouches for the portal and the broker, if it is a private one.",
)
@click.option(
    "--price", "price_nano_per_ms", type=click.IntRange(0, 10**12), help="Nano-credits for a millisecond. [default: 10]"
)
@click.option("--slots", type=click.IntRange(1, 256), help="Jobs at one time. [default: one a processor]")
@click.option(
    "--memory-mb",
    type=click.IntRange(*BOUNDS["memory_mb"]),
    help="The most memory that one job may use. [default: half of the machine's, shared by all slots]",
)
@click.option(
    "--cpu-millis",
    type=click.IntRange(*BOUNDS["cpu_millis"]),
    help="The most that one job may use, in thousandths of a processor. [default: all processors]",
)
def enroll(portal_url: str, code: str, *, home: Path, authority: Path | None, **chosen: int | None) -> None:
    """Make this machine a provider.

    PORTAL_URL is the portal's address, CODE the one-time code that the portal shows. The keys are made here and never
    leave this machine. If the answer is lost, run the same command again.
    """
    place, portal = AgentHome(home), Portal(portal_url, authority)
    try:
        done = enrolment.enrol(place, portal=portal, code=code, offer=_offer(chosen), authority=authority)
    except enrolment.AlreadyEnrolled as error:
        click.echo(str(error))
        if configs.load(place).portal_url != portal.url:
            raise AgentError("for another portal use another --home") from error
        return
    click.echo(f"Enrolled as {done.name} ({done.provider_id}).")
    click.echo("Next: chainfaas-agent doctor, then chainfaas-agent run.")


@main.command()
@_home
@_docker
@click.option(
    "--drain-seconds",
    type=click.IntRange(0, 86_400),
    default=60,
    show_default=True,
    help="How long running jobs may go on after the first SIGTERM or Ctrl-C; the second stops them.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    help="Loopback port of /healthz, /metrics and /status. [default: chosen by the system]",
)
@click.option(
    "--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO", show_default=True
)
def run(*, home: Path, docker_host: str, drain_seconds: int, port: int, log_level: str) -> None:
    """Take jobs and run them until stopped.

    Logs go to standard error, one JSON object a line.
    """
    logs.configure(level=log_level)
    daemon.run(AgentHome(home), docker_host=docker_host, drain_seconds=drain_seconds, port=port)


@main.command()
@_home
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(*, home: Path, as_json: bool) -> None:
    """Show what the running agent does. Exit code 3 when none runs."""
    found = daemon.ask(AgentHome(home))
    if as_json:
        click.echo(json.dumps(found or {"running_agent": False}))
    elif found is None:
        click.echo("No agent runs here: chainfaas-agent run")
    else:
        click.echo(_status_text(found))
    if found is None:
        raise click.exceptions.Exit(_NOT_RUNNING)


@main.command()
@_home
@_docker
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(*, home: Path, docker_host: str, as_json: bool) -> None:
    """Check whether this machine can run jobs. Exit code 1 when something has to be done first."""
    place = AgentHome(home)
    known = configs.load(place)
    findings = list(doctors.examine(_checks(place, known, docker_host)))
    if as_json:
        click.echo(json.dumps([{"name": item.name, "level": item.level, "text": item.text} for item in findings]))
    else:
        click.echo("\n".join(_finding_text(item) for item in findings))
    if any(item.level is Level.FAIL for item in findings):
        raise click.exceptions.Exit(1)


@main.command()
@click.argument("job_id", required=False)
@click.option("--all", "all_jobs", is_flag=True, help="Claim all jobs that can be claimed.")
@click.option("--dry-run", is_flag=True, help="Only say what would be claimed.")
@click.option(
    "--through",
    type=click.Choice(["peers", "portal"]),
    help="Who takes the claim to the ledger. [default: peers where this machine knows some, else portal]",
)
@_home
def claim(job_id: str | None, *, all_jobs: bool, dry_run: bool, through: str | None, home: Path) -> None:
    """Demand the pay for a job that the controller did not confirm.

    Ticket, receipt and the controller's acknowledgement are kept for each job until it can no longer be paid. With the
    acknowledgement a claim is paid at once, without it after 24 hours, unless the controller refuses it with a reason.
    Claiming again only tells what became of it. Exit code 1 when a claim was refused.
    """
    if all_jobs == bool(job_id):
        raise click.UsageError("name one JOB_ID, or --all")
    place = AgentHome(home)
    config, store = configs.load(place), EvidenceStore(place.journal)
    found = store.all() if all_jobs else [_evidence(store, job_id or "")]
    refused = False
    with ExitStack() as stack:
        claimant = _claimant(place, config, _ledger(place, config, through, stack))
        for evidence in found:
            told = claimant.claim(evidence, dry_run=dry_run)
            click.echo(f"{told.job_id}  {told.text}")
            refused = refused or told.is_refused
    if not found:
        click.echo("There is no job that could be claimed.")
    if refused:
        raise click.exceptions.Exit(1)


@main.command("claim-status")
@click.argument("job_id")
@_home
def claim_status(job_id: str, *, home: Path) -> None:
    """Ask a peer of the network what became of a job of this machine. Exit code 1 when its claim was refused."""
    place = AgentHome(home)
    with ExitStack() as stack:
        state = _peers(place, stack).job_state(job_id)
    told = standing(job_id, state)
    click.echo(f"{told.job_id}  {told.text}")
    if told.is_refused:
        raise click.exceptions.Exit(1)


@main.command()
@_home
def renew(*, home: Path) -> None:
    """Fetch new certificates for this machine's key, and where the network's peers are.

    A running agent does so by itself before they end.
    """
    place = AgentHome(home)
    done = renewal.renew(place, daemon.portal(place, configs.load(place)), now=renewal.utc_now(), anyway=True)
    click.echo(f"The certificate of this machine's key is valid until {done.until:%Y-%m-%d}.")
    if done.membership is None:
        click.echo("The ledger is no Fabric network: no other certificate is needed.")
    else:
        until = end_of(done.membership.certificate_pem)
        click.echo(f"On the Fabric network: until {until:%Y-%m-%d}, {len(done.membership.peers)} peers known.")


def _ledger(home: AgentHome, config: Config, through: str | None, stack: ExitStack) -> ClaimDesk:
    """Return the way to the ledger that was chosen, or the one that this machine has."""
    chosen = through or ("peers" if home.fabric.exists() else "portal")
    return _peers(home, stack) if chosen == "peers" else daemon.portal(home, config)


def _peers(home: AgentHome, stack: ExitStack) -> "PeerLedger":
    membership = memberships.load(home)
    if membership is None:
        raise AgentError("this machine is no member of a Fabric network: chainfaas-agent renew, or --through portal")
    try:
        # Only who claims by its own hand needs gRPC.
        peers = import_module("provider_agent.claims.peers")
    except ModuleNotFoundError as error:
        raise AgentError(
            f"{error.name} is not installed: pip install 'chainfaas-agent[fabric]', or claim with --through portal"
        ) from error
    ledger: PeerLedger = peers.PeerLedger(membership, keys.load(home).signing, clock=daemon.now_ms, pause=Event().wait)
    return stack.enter_context(ledger)


def _claimant(home: AgentHome, config: Config, ledger: ClaimDesk) -> Claimant:
    home.check()
    return Claimant(
        provider_id=config.provider_id,
        key=keys.load(home).signing,
        store=EvidenceStore(home.journal),
        ledger=ledger,
        clock=daemon.now_ms,
        pause=Event().wait,
    )


def _evidence(store: EvidenceStore, job_id: str) -> Evidence:
    found = store.of(job_id)
    if found is None:
        raise AgentError(f"nothing is kept of job {job_id}: it did not run here, or can no longer be paid")
    return found


def _checks(home: AgentHome, config: Config, docker_host: str) -> list[tuple[str, doctors.Check]]:
    def docker() -> EngineFacts:
        with closing(DockerEngine(docker_host)) as engine:
            return engine.facts()

    return [
        ("home", lambda: doctors.check_home(home)),
        ("root key", lambda: doctors.check_root_key(config)),
        ("disk", lambda: doctors.check_disk(home.path)),
        ("portal", lambda: doctors.check_clock(daemon.portal(home, config).clock_ms)),
        ("broker", lambda: doctors.check_broker(lambda: try_login(daemon.login(home, config)), config)),
        ("network", lambda: doctors.check_network(memberships.load(home), renewal.utc_now())),
        ("docker", lambda: doctors.check_docker(docker, config)),
        ("registries", lambda: doctors.check_registries(config)),
    ]


def _offer(chosen: dict[str, int | None]) -> Offer:
    """Return what the owner chose, and the default for the rest."""
    given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
    return replace(default_offer(), **given)


def _status_text(found: dict[str, Any]) -> str:
    running = ", ".join(found["running"]) or "none"
    return "\n".join(
        (
            f"{found['name']} ({found['provider_id']}) at {found['portal']}, version {found['version']}",
            f"  broker    {'connected' if found['broker_connected'] else 'NOT CONNECTED'}",
            f"  docker    {'ready' if found['docker_ready'] else 'DOES NOT ANSWER'}",
            f"  slots     {found['free_slots']} of {found['slots']} free{', draining' if found['draining'] else ''}",
            f"  running   {running}",
            f"  results   {found['results_waiting']} not acknowledged yet",
            f"  price     {found['price_nano_per_ms']} nano-credits a millisecond",
        )
    )


def _finding_text(finding: Finding) -> str:
    return f"{finding.level.upper():5} {finding.name:11} {finding.text}"
