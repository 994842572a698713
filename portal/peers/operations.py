"""Writes on peers and join codes."""

from contextlib import suppress
from datetime import datetime
from uuid import uuid5

from django.db import IntegrityError, transaction

from portal.accounts.models import Account, Role
from portal.accounts.operations import require_administrator, require_role, withdraw_role
from portal.books.records import record
from portal.governance import approving
from portal.governance.errors import RequestMovedOn
from portal.governance.operators import ask_to_be_operator, open_request
from portal.membership.ports import Kind, Member, Registrar
from portal.peers.errors import AnotherOperatorKey, JoinStatementInvalid, NoNetwork, OperatorKeyKnown
from portal.peers.models import JoinCode, Peer
from portal.peers.network import KnownNetwork
from portal.peers.statements import JoinApplication
from portal.providers.codes import NewCode, claim_code, make_code
from wire.joining import JoinKit, is_loopback, operator_name, plain_host
from wire.ledger import state_keys
from wire.ledger.records import OperatorRecord, PinnedKey

_EXPELLED = "Expelled from the network."


def create_join_code(owner: Account, *, now: datetime) -> NewCode[JoinCode]:
    """Make a one-time code for a machine that will be a peer.

    :raises RoleMissing: when no administrator approved the owner as a peer.
    :raises TooManyCodes: when as many are unused as may be.
    """
    require_role(owner, Role.PEER)
    return make_code(JoinCode.objects.all(), owner, now=now)


def join(application: JoinApplication, *, network: KnownNetwork, now: datetime) -> JoinKit:
    """Let a machine join as a peer; it may repeat that with its code when the answer was lost.

    Both organisations are asked to take the operator in: until then its peer serves and is not paid.

    :raises CodeUnknown: when there is no such code.
    :raises JoinStatementInvalid: when another node of the network answers at its host.
    :raises CodeExpired: when it is too late.
    :raises CodeUsed: when another key has used the code.
    :raises RoleMissing: when the owner is no approved peer any more.
    :raises OperatorKeyKnown: when the key attests for another account.
    :raises AnotherOperatorKey: when the account attests with another key.
    :raises RegistrarUnavailable: when the network's authority does not answer; the same again can succeed.
    """
    key = application.key
    with transaction.atomic():
        code = claim_code(JoinCode.objects.all(), digest=application.said.code_digest, key_id=key.key_id, now=now)
        owner = code.owner
        require_role(owner, Role.PEER)
        _require_own_host(plain_host(application.said.host), owner=owner, network=network)
        peer = _joined(application, owner, now)
        JoinCode.objects.filter(id=code.pk).update(peer=peer)
        ask_to_be_operator(owner, public_key_pem=key.pem, request_id=uuid5(owner.id, f"join {code.pk}"), now=now)
    return _kit(application, peer, network)


def _require_own_host(host: str, *, owner: Account, network: KnownNetwork) -> None:
    """Go on only with a host at which neither the network's own nodes nor another operator's answer.

    A TLS certificate for such a one would let its holder answer in the other's place. A machine's name for itself is
    nobody's: there all can be tried out on one machine.
    """
    others = Peer.objects.exclude(owner=owner).filter(host=host)
    if not is_loopback(host) and (host in network.hosts or others.exists()):
        problem = "host: another node of the network answers there. Use a name or address of this machine alone."
        raise JoinStatementInvalid(fields={"statement": [problem]})


def _joined(application: JoinApplication, owner: Account, now: datetime) -> Peer:
    """Return the machine's peer; one that joins again, be it with another code, is the same."""
    key_id = application.key.key_id
    _require_its_key(owner, key_id)
    columns = {"operator_key_id": key_id, "host": plain_host(application.said.host)}
    try:
        with transaction.atomic():
            peer, _ = Peer.objects.update_or_create(
                name=application.peer.name,
                owner=owner,
                defaults=columns,
                create_defaults=columns | {"joined_at": now},
            )
    except IntegrityError as error:
        raise OperatorKeyKnown from error
    return peer


def _require_its_key(owner: Account, key_id: str) -> None:
    """Go on only with the key that attests for the account: the ledger's, or before that the first that joined."""
    pinned = record(PinnedKey, state_keys.key(key_id))
    others = Peer.objects.filter(operator_key_id=key_id).exclude(owner=owner)
    if others.exists() or (pinned is not None and pinned.holder != str(owner.id)):
        raise OperatorKeyKnown
    if registered := record(OperatorRecord, state_keys.operator(str(owner.id))):
        first = record(PinnedKey, state_keys.key(registered.key_id))
        is_another = pinned is None and first is not None and first.active
    else:
        is_another = Peer.objects.filter(owner=owner).exclude(operator_key_id=key_id).exists()
    if is_another:
        raise AnotherOperatorKey


def _kit(application: JoinApplication, peer: Peer, network: KnownNetwork) -> JoinKit:
    registrar, said = network.registrar, application.said
    return JoinKit(
        operator_id=str(peer.owner_id),
        channel=network.channel,
        chaincode=network.chaincode,
        msp_id=registrar.msp_id,
        root_pem=registrar.root_pem,
        operator_certificate_pem=registrar.certify(application.operator, said.operator_request),
        peer_certificate_pem=registrar.certify(application.peer, said.peer_request),
        tls_certificate_pem=registrar.certify(application.peer, said.tls_request, hosts=(peer.host,)),
        genesis=network.genesis,
        peers=network.peers,
        orderer_roots=network.orderer_roots,
    )


def expel(owner: Account, *, by: Account, registrar: Registrar | None, now: datetime) -> None:
    """Take an account's role as peer, and revoke the certificates of all its machines, for good; safe to repeat.

    The network goes by it once the revocation list is published. It is let in again with other keys only.

    :raises AdministratorsOnly: when `by` is none.
    :raises OwnMoney: when it is the administrator's own account that waits to be taken in.
    :raises NoNetwork: when nobody admits or expels here.
    :raises RegistrarUnavailable: when the network's authority does not answer; repeat it.
    """
    require_administrator(by)
    if registrar is None:
        raise NoNetwork
    if waiting := open_request(owner):
        # One that is decided goes on; the ledger's operator has no certificate then.
        with suppress(RequestMovedOn):
            approving.refuse(waiting, by=by, reason=_EXPELLED, now=now)
    # First, so that no machine joins meanwhile.
    withdraw_role(owner, role=Role.PEER, by=by, now=now)
    for peer in Peer.objects.filter(owner=owner):
        registrar.expel(Member(kind=Kind.OPERATOR, name=operator_name(peer.operator_key_id)))
        registrar.expel(Member(kind=Kind.NODE, name=peer.name))
        peer.delete()
