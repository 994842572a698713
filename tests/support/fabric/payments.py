"""Payments to one provider by many at once, and how they would fare if each wrote the provider's balance."""

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from deploy.fabric.network import NodeRole
from deploy.fabric.nodes.chaincode import server_name
from deploy.servers.process import Program
from fabric_client.errors import CommitConflict, EndorsementsDiffer, FabricError
from fabric_client.proposals import propose
from ledger.fabric.ledger import FabricLedger
from tests.support.claims import acknowledgement, claim, digest_of, ticket, working_key
from tests.support.fabric.load import Watch, until_committed
from tests.support.fabric.naive_chaincode import FUNCTION
from tests.support.fabric.network import FabricNetwork
from tests.support.fabric.proposals import call, complete, now_ms
from tests.support.ledger import KEYS, MINUTE, OUTPUT, World, job_arguments, receipt_jws
from tests.support.waiting import wait_for
from wire.ledger.operations import Arguments, ConfirmResult, SubmitReceipt, operation_text
from wire.signing import OPERATION, sha256_hex

#: Of a job here: 12 ms at one credit a second.
PAY = 12_000
_MAX_MS = 20


@dataclass(frozen=True)
class Developer:
    """Somebody whose jobs all run on Alice's machine."""

    account_id: str

    def settle_down(self, world: World) -> None:
        """Get money and publish a version."""
        assert world.mint(self.account_id, 100) == "applied"
        assert world.deposit(self.account_id, 100) == "applied"
        assert world.publish(f"{self.account_id}-v1", self.account_id) == "applied"

    def pay(self, ledger: FabricLedger, watch: Watch, *, by_claim: bool) -> None:
        """Let a job be paid, in one transaction: confirmed by the controller, or claimed by Alice."""
        job_id, now = f"{self.account_id}-{secrets.token_hex(6)}", now_ms()
        operations = self._claimed(job_id, now) if by_claim else self._confirmed(job_id, now)
        statuses = until_committed(ledger, operations, watch)
        assert set(statuses) <= {"applied", "repeated"}, statuses

    def _confirmed(self, job_id: str, now: int) -> list[str]:
        return [
            self._created(job_id, now, sha256_hex(b"ticket")),
            _text(job_id, SubmitReceipt(job_id=job_id, receipt=receipt_jws(job_id, run_ms=12))),
            _text(job_id, ConfirmResult(job_id=job_id, output_digest=OUTPUT, observed_ms=12)),
        ]

    def _claimed(self, job_id: str, now: int) -> list[str]:
        jws = ticket(
            job_id,
            developer_id=self.account_id,
            version_id=f"{self.account_id}-v1",
            max_ms=_MAX_MS,
            issued_at_ms=now,
            accept_by_ms=now + 5_000,
            pull_by_ms=now + MINUTE,
            pay_until_ms=now + 60 * MINUTE,
        )
        demand = claim(
            jws,
            job_id,
            receipt=receipt_jws(job_id, ticket_digest=digest_of(jws), run_ms=12),
            working_keys=(working_key(not_after_ms=now + MINUTE),),
            acknowledgement=acknowledgement(jws, job_id),
        )
        signed = KEYS.alice.sign(_text(f"alice-pc:{job_id}", demand).encode(), OPERATION)
        return [self._created(job_id, now, digest_of(jws)), signed]

    def _created(self, job_id: str, now: int, digest: str) -> str:
        changes = {"developer_id": self.account_id, "version_id": f"{self.account_id}-v1", "ticket_digest": digest}
        times = {"placed_at_ms": now, "pay_until_ms": now + 60 * MINUTE}
        return _text(job_id, job_arguments(job_id, max_ms=_MAX_MS, **changes, **times))


def _text(subject: str, arguments: Arguments) -> str:
    return operation_text(f"{arguments.kind}:{subject}", arguments)


@contextmanager
def naive_servers(network: FabricNetwork) -> Iterator[None]:
    """Put the naive servers in the place of both organisations' own."""
    nodes = network.network.of(NodeRole.CHAINCODE)
    usual = [network.operator.daemon(network.network, node) for node in nodes]
    naive = [
        replace(daemon, command=[sys.executable, "-m", "tests.support.fabric.naive_chaincode", *daemon.command[3:]])
        for daemon in usual
    ]
    names = [server_name(node, network.network.sequence) for node in nodes]
    _replace(network, names, naive)
    try:
        wait_for("the naive servers", partial(_answers, network), 60)
        yield
    finally:
        _replace(network, names, usual)


def _replace(network: FabricNetwork, names: list[str], daemons: list[Program]) -> None:
    for name in names:
        network.operator.daemons.stop(name)
    network.operator.daemons.start(*daemons)


def _answers(network: FabricNetwork) -> bool:
    try:
        return pay_naively(network, 1) == 0
    except FabricError:
        return False


def pay_naively(network: FabricNetwork, count: int) -> int:
    """Make so many naive payments, each tried once, one after the other; return how many met a conflict."""
    identity = network.identity("controller", "recorder")
    peer, conflicts = network.peer("controller", identity), 0
    for _ in range(count):
        try:
            complete(peer.gateway, propose(identity, call(function=FUNCTION)), "ControllerMSP", "PeersMSP")
        except (CommitConflict, EndorsementsDiffer):
            conflicts += 1
    peer.channel.close()
    return conflicts
