"""Every function of the chaincode; only what is registered here can be called."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from chaincode.contracts.errors import ContractError
from chaincode.contracts.execution import batch
from chaincode.contracts.submission import BadSubmission, verified
from chaincode.fabric import state
from chaincode.fabric.conversation import Conversation
from chaincode.fabric.errors import BAD_REQUEST, CONFLICT, FORBIDDEN, NOT_FOUND, FunctionRefused
from chaincode.fabric.proposal import Proposer
from chaincode.fabric.stub import FabricStub
from wire.codec import canonical_json, decode, encode
from wire.enrolment import JobQuery
from wire.errors import WireError
from wire.ledger import names, state_keys
from wire.ledger.canonical import ledger_json
from wire.ledger.genesis import BadGenesis, Genesis
from wire.ledger.packing import opened
from wire.ledger.records import JobRecord, PinnedKey
from wire.ledger.states import KeyRole
from wire.signing import QUERY, PublicKey, key_id_of

#: A transaction holds its arguments, what it writes and its events: a block of this network takes 20 MB.
MAX_ARGUMENT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionCall:
    """One call of a function."""

    conversation: Conversation
    proposer: Proposer
    arguments: tuple[str, ...]
    #: What this server's organisation agrees to begin the ledger with; the file may come later.
    genesis_file: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionAnswer:
    """What a function returns, and the event of its transaction."""

    payload: bytes = b""
    event: bytes = b""


def submit(call: FunctionCall) -> FunctionAnswer:
    """Apply one signed transaction of the contracts; the signature's key is the submitter, whoever hands it in.

    :raises FunctionRefused: when it is not acceptable as a whole.
    """
    envelope = opened(call.arguments[0])
    memory: dict[str, str | None] = {}
    try:
        submission = verified(lambda key: _get(call.conversation, key, memory), envelope)
    except BadSubmission as error:
        raise FunctionRefused(BAD_REQUEST, str(error)) from error
    body = submission.body
    if body.timestamp_ms != call.proposer.timestamp_ms:
        # The peers have checked the proposal's time; so the signed one is checked as well.
        raise FunctionRefused(BAD_REQUEST, "timestamp_ms: is not the time of the proposal")
    stub = FabricStub(
        conversation=call.conversation,
        transaction_id=body.transaction_id,
        timestamp_ms=body.timestamp_ms,
        creator=submission.creator,
        read=memory,
    )
    outcome = batch.run(stub, body.operations)
    results = ledger_json([result.plain() for result in outcome.results])
    return FunctionAnswer(payload=results, event=_event(outcome.events))


def begin(call: FunctionCall) -> FunctionAnswer:
    """Write the ledger's first state, once, if it is the one that this server's organisation has agreed to.

    :raises FunctionRefused: when it is another, or the ledger has begun.
    """
    (text,) = call.arguments
    try:
        told, agreed = Genesis.parse(text), Genesis.parse(call.genesis_file.read_text())
    except (BadGenesis, OSError) as error:
        raise FunctionRefused(BAD_REQUEST, f"genesis: {error}") from error
    if told != agreed:
        raise FunctionRefused(FORBIDDEN, "genesis: is not the one that this organisation has agreed to")
    if state.read(call.conversation, [state_keys.genesis()]):
        raise FunctionRefused(CONFLICT, "genesis: the ledger has begun")
    state.write(call.conversation, {key: encode(record) for key, record in sorted(told.state(), key=_key)})
    return FunctionAnswer()


def probe(call: FunctionCall) -> FunctionAnswer:
    """Write the id of this transaction, to show that the network endorses, orders and commits."""
    written = call.conversation.request.txid.encode()
    state.write(call.conversation, {names.probe(): written})
    return FunctionAnswer(payload=written)


def get(call: FunctionCall) -> FunctionAnswer:
    """Return the values of those keys that have one, as an object."""
    found = state.read(call.conversation, call.arguments[: names.MAX_PAGE])
    return FunctionAnswer(payload=canonical_json({key: value.decode() for key, value in found.items()}))


def items(call: FunctionCall) -> FunctionAnswer:
    """Return a page of the contracts' keys that begin with a prefix and come after a key, with their values."""
    prefix, after = call.arguments
    with closing(state.items(call.conversation, prefix, after)) as found:
        page = islice(((key, value.decode()) for key, value in found), names.MAX_PAGE)
        return FunctionAnswer(payload=canonical_json(list(page)))


def history(call: FunctionCall) -> FunctionAnswer:
    """Return every change of a key, oldest last: Fabric's transaction id, time and value."""
    (key,) = call.arguments
    with closing(state.history(call.conversation, key)) as changes:
        page = islice(changes, names.MAX_PAGE)
        plain = [[change, at, None if value is None else value.decode()] for change, at, value in page]
    return FunctionAnswer(payload=canonical_json(plain))


def recorded(call: FunctionCall) -> FunctionAnswer:
    """Return under which id Fabric holds a transaction of the contracts; nothing when it is in no block."""
    place = names.recorded(call.arguments[0])
    return FunctionAnswer(payload=state.read(call.conversation, [place]).get(place, names.UNKNOWN.encode()))


def own_job(call: FunctionCall) -> FunctionAnswer:
    """Return a job's record to the provider of it: the signature of its pinned key says who asks, no certificate.

    :raises FunctionRefused: when there is none, or it is another's; both look the same.
    """
    (jws,) = call.arguments
    asked, holder = _asked(call, jws)
    place = state_keys.job(asked.job_id)
    found = state.read(call.conversation, [place]).get(place)
    if found is None or decode(JobRecord, found).provider_id != holder:
        raise FunctionRefused(NOT_FOUND, "there is no such job of yours")
    return FunctionAnswer(payload=found)


def _asked(call: FunctionCall, jws: str) -> tuple[JobQuery, str]:
    """Return a question, and the provider whose key signed it just now."""
    place = state_keys.key(key_id_of(jws))
    text = state.read(call.conversation, [place]).get(place)
    pinned = None if text is None else decode(PinnedKey, text)
    if pinned is None or not pinned.active or pinned.role is not KeyRole.PROVIDER:
        raise FunctionRefused(FORBIDDEN, "the ledger knows no provider with this key")
    asked = decode(JobQuery, PublicKey.from_pem(pinned.public_key_pem).verify(jws, QUERY))
    if asked.asked_at_ms != call.proposer.timestamp_ms:
        raise FunctionRefused(BAD_REQUEST, "asked_at_ms: is not the time of the proposal")
    return asked, pinned.holder


@dataclass(frozen=True, kw_only=True, slots=True)
class ChaincodeFunction:
    """A function that can be called."""

    run: Callable[[FunctionCall], FunctionAnswer]
    #: How many arguments it takes; None: any number.
    takes: int | None
    #: Whether every member may call it: it asks for a signature itself. Any other is for who may read the ledger.
    for_everybody: bool = False


FUNCTIONS: Mapping[str, ChaincodeFunction] = {
    names.SUBMIT: ChaincodeFunction(run=submit, takes=1, for_everybody=True),
    names.GENESIS: ChaincodeFunction(run=begin, takes=1),
    names.PROBE: ChaincodeFunction(run=probe, takes=0),
    names.GET: ChaincodeFunction(run=get, takes=None),
    names.ITEMS: ChaincodeFunction(run=items, takes=2),
    names.HISTORY: ChaincodeFunction(run=history, takes=1),
    names.RECORDED: ChaincodeFunction(run=recorded, takes=1),
    names.OWN_JOB: ChaincodeFunction(run=own_job, takes=1, for_everybody=True),
}


def chosen(arguments: Sequence[bytes]) -> tuple[ChaincodeFunction, tuple[str, ...]]:
    """Return the function that the arguments of a transaction name, and the rest of them as text.

    :raises FunctionRefused: when there is none, or it takes other arguments.
    """
    if sum(map(len, arguments)) > MAX_ARGUMENT_BYTES:
        raise FunctionRefused(BAD_REQUEST, f"arguments: expected at most {MAX_ARGUMENT_BYTES} bytes")
    try:
        name, *rest = [argument.decode() for argument in arguments] or [""]
    except UnicodeDecodeError as error:
        raise FunctionRefused(BAD_REQUEST, "arguments: expected UTF-8") from error
    function = FUNCTIONS.get(name)
    if function is None:
        raise FunctionRefused(NOT_FOUND, f"there is no function {name[:40]!r}")
    if function.takes is not None and len(rest) != function.takes:
        raise FunctionRefused(BAD_REQUEST, f"{name}: expected {function.takes} arguments, got {len(rest)}")
    return function, tuple(rest)


def answered(call: FunctionCall, function: ChaincodeFunction) -> FunctionAnswer:
    """Run a function.

    :raises FunctionRefused: for everything that is wrong with the arguments, or when the proposer may not call it.
    """
    if not (function.for_everybody or call.proposer.is_reader):
        raise FunctionRefused(FORBIDDEN, "this certificate does not let its holder read the ledger")
    try:
        return function.run(call)
    except (ContractError, WireError) as error:
        raise FunctionRefused(BAD_REQUEST, str(error)) from error


def _get(conversation: Conversation, key: str, memory: dict[str, str | None]) -> str | None:
    found = state.read(conversation, [key]).get(key)
    memory[key] = None if found is None else found.decode()
    return memory[key]


def _event(events: Sequence[Any]) -> bytes:
    return ledger_json([event.plain() for event in events]) if events else b""


def _key(item: tuple[str, object]) -> str:
    return item[0]
