"""A provider's machine on a real Fabric network: enrolled by the real registrar, with jobs in its journal."""

import secrets
import subprocess
import sys
import time
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from deploy.fabric.profiles import profile, registrar_profile
from portal.membership.admission import Admission
from portal.membership.ports import provider_member
from portal.membership.registrar import FabricRegistrar
from provider_agent.jobs.journal import Journal
from provider_agent.machine import config as configs
from provider_agent.machine import membership as memberships
from provider_agent.machine.config import Config, default_offer
from provider_agent.machine.home import AgentHome
from provider_agent.machine.keys import SealingKey
from tests.support import claims
from tests.support.fabric.network import FabricNetwork
from tests.support.ledger import CREDIT, KEYS, PRICE, World, receipt_jws
from wire.enrolment import KnownPeer, Membership
from wire.signing import SigningKey

_HOUR_MS = 3_600_000
#: So low that a deposit is enough for many jobs that nobody pays.
_PRICE = PRICE // 100
#: What a job that ran for 12 s earns, in micro-credits.
PAY = 12 * CREDIT // 100


def admission(network: FabricNetwork) -> Admission:
    """Return what admits providers to a network."""
    registrar = FabricRegistrar(registrar_profile(network.places, network.network, "peers"))
    return Admission(
        registrar=registrar, profile=lambda: profile(network.places, network.network, "controller", "recorder")
    )


def membership_of(network: FabricNetwork, key: SigningKey) -> Membership:
    """Return the membership that the portal gives to a machine with this key."""
    given = admission(network).admit(provider_member(key.public.key_id), memberships.request(key))
    return Membership(
        msp_id=given.msp_id,
        certificate_pem=given.certificate_pem,
        channel=given.channel,
        chaincode=given.chaincode,
        peers=tuple(KnownPeer(address=peer.address, tls_root_pem=peer.tls_root_pem) for peer in given.peers),
    )


class ProviderMachine:
    """The home of an enrolled machine; no portal, scheduler, broker or database is there."""

    def __init__(self, directory: Path, network: FabricNetwork, *, provider_id: str, key: SigningKey) -> None:
        self.home = AgentHome(directory)
        self.key = key
        self.provider_id = provider_id
        self.home.create()
        self.home.write(self.home.signing_key, key.to_pem())
        self.home.write(self.home.sealing_key, _sealing_key())
        configs.store(self.home, _config(provider_id), broker_password="none")  # noqa: S106 - there is no broker
        memberships.store(self.home, membership_of(network, key))

    @property
    def membership(self) -> Membership:
        """How this machine reaches the network."""
        found = memberships.load(self.home)
        assert found is not None
        return found

    def change(self, **values: Any) -> None:
        """Change what this machine knows of the network."""
        memberships.store(self.home, replace(self.membership, **values))

    @cached_property
    def journal(self) -> Journal:
        """What it ran."""
        opened = Journal(self.home.journal)
        self.home.journal.chmod(0o600)
        return opened

    def runs(self, world: World, *, acknowledged: bool = True, **changes: Any) -> str:
        """Run a job of Bob's that the ledger has and the controller never confirms; return its id."""
        now, job_id = time.time_ns() // 1_000_000, f"job-{secrets.token_hex(6)}"
        times = {
            "issued_at_ms": now,
            "accept_by_ms": now + 5_000,
            "pull_by_ms": now + 60_000,
            "pay_until_ms": now + _HOUR_MS,
            "price_nano_per_ms": _PRICE,
        }
        ticket = claims.ticket(job_id, provider_id=self.provider_id, **times | changes)
        digest = claims.digest_of(ticket)
        created = {"pay_until_ms": times["pay_until_ms"], "placed_at_ms": now, "price_nano_per_ms": _PRICE}
        assert world.create(job_id, provider_id=self.provider_id, ticket_digest=digest, **created) == "applied"
        statement = claims.working_key(not_after_ms=now + 24 * _HOUR_MS)
        self.journal.vouched(KEYS.working.public.key_id, statement)
        self.journal.accept(job_id, ticket=ticket, pay_until_ms=times["pay_until_ms"])
        receipt = receipt_jws(job_id, self.key, ticket_digest=digest, finished_at_ms=now)
        self.journal.report(job_id, b"report", next_at_ms=0, receipt=receipt)
        self.journal.acknowledge(job_id, claims.acknowledgement(ticket, job_id) if acknowledged else None)
        return job_id

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `chainfaas-agent` on this machine."""
        return subprocess.run(
            [sys.executable, "-m", "provider_agent", *words, "--home", str(self.home.path)],
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )


def _config(provider_id: str) -> Config:
    return Config(
        provider_id=provider_id,
        name="attic",
        portal_url="https://127.0.0.1:1",
        certificate_pem="",
        root_key_pem=KEYS.root.public.pem,
        broker_url="amqps://127.0.0.1:1",
        broker_vhost="chainfaas",
        broker_user="nobody",
        jobs_queue="jobs.x",
        control_queue="control.x",
        heartbeat_seconds=15,
        allowed_registries=(),
        offer=default_offer(),
    )


def _sealing_key() -> bytes:
    return SealingKey(X25519PrivateKey.generate()).to_pem()
