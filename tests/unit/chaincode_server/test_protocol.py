"""The shim protocol as the server speaks it, against a fake peer over a real socket."""

import json
import threading
from pathlib import Path

import pytest
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from chaincode.fabric.errors import ChaincodeError
from chaincode.fabric.server import ChaincodeServer
from chaincode.fabric.transactions import Transactions
from tests.support.embedded import signed
from tests.support.fabric.emulated import Emulated, results_of
from tests.support.fabric.fake_peer import FakePeer
from tests.support.ledger import KEYS, NOON, World, marketplace
from tests.support.waiting import wait_for
from wire.ledger import names
from wire.ledger.blocks import TransactionBody
from wire.ledger.operations import Mint, operation_text
from wire.signing import OPERATION

GENESIS = KEYS.genesis().text()


def mint(reference: str, transaction_id: str, timestamp_ms: int = NOON) -> str:
    text = operation_text(f"account.mint:{reference}", Mint(account_id="bob", amount_micro=5, reference=reference))
    by_treasury = KEYS.treasury.sign(text.encode(), OPERATION)
    body = TransactionBody(transaction_id=transaction_id, timestamp_ms=timestamp_ms, operations=(by_treasury,))
    return signed(body, KEYS.controller)


def test_it_registers_under_its_package(peer: FakePeer) -> None:
    assert peer.package_id == "market_1:abc"


def test_a_whole_job_is_paid_through_the_protocol(peer: FakePeer) -> None:
    world = marketplace(World(ledger=Emulated(peer, GENESIS)))

    assert (world.create(), world.receipt(), world.confirm()) == ("applied", "applied", "applied")

    assert world.job().state == "settled"
    assert world.books() == (0, {})


def test_reads_and_writes_are_gathered_where_the_peer_can(peer: FakePeer) -> None:
    Emulated(peer, GENESIS).run(KEYS.controller.public.key_id, NOON, ["{}"])

    assert peer.kinds["GET_STATE_MULTIPLE"] > 0
    assert peer.kinds["WRITE_BATCH_STATE"] > 0
    assert peer.kinds["GET_STATE"] == peer.kinds["PUT_STATE"] == 0


def test_a_peer_that_cannot_gather_is_asked_key_by_key_with_the_same_outcome(server: ChaincodeServer) -> None:
    with FakePeer(server.port) as gathering, FakePeer(server.port, gathers=False) as plain:
        for peer in (gathering, plain):
            world = marketplace(World(ledger=Emulated(peer, GENESIS)))
            world.create()
            world.receipt()
            world.confirm()

        assert gathering.state.keys() == plain.state.keys()
        assert plain.kinds["GET_STATE_MULTIPLE"] == plain.kinds["WRITE_BATCH_STATE"] == 0


def test_hundreds_of_transactions_at_once_are_each_answered_once(peer: FakePeer) -> None:
    Emulated(peer, GENESIS)

    begun = [peer.begin(names.SUBMIT, mint(f"r-{number}", f"t-{number}"), timestamp_ms=NOON) for number in range(600)]

    assert {future.result(60).status for future in begun} == {200}
    assert peer.kinds["COMPLETED"] == 601


def test_the_events_of_a_transaction_come_as_one(peer: FakePeer) -> None:
    Emulated(peer, GENESIS)

    done = peer.call(names.SUBMIT, mint("r", "t"), timestamp_ms=NOON)

    assert b"proposal.opened.v1" in done.event
    assert results_of(done.payload)[0].status == "applied"


def test_a_keepalive_is_sent_back(peer: FakePeer) -> None:
    peer.raw(ChaincodeMessage(type=ChaincodeMessage.KEEPALIVE))

    wait_for("the keepalive to come back", lambda: peer.kinds["KEEPALIVE"], 30)


def test_an_error_of_the_peer_is_never_taken_for_a_value(peer: FakePeer) -> None:
    Emulated(peer, GENESIS)
    peer.error = b"the database is closed"

    done = peer.call(names.GET, "genesis")

    assert (done.status, done.message) == (500, "the peer: the database is closed")


def test_a_transaction_whose_peer_goes_away_ends_and_the_server_serves_the_next(server: ChaincodeServer) -> None:
    with FakePeer(server.port) as leaving:
        leaving.silent = True
        abandoned = leaving.begin(names.GET, "genesis")
        wait_for("the question", lambda: leaving.kinds["GET_STATE_MULTIPLE"], 30)
    with pytest.raises(ConnectionError):
        abandoned.result(30)

    with FakePeer(server.port) as coming:
        assert coming.call(names.GET, "genesis").status == 200
        wait_for("the stream to be forgotten", lambda: server.health()["peers"] == 1, 30)


@pytest.mark.parametrize("kind", sorted(ChaincodeMessage.Type.values()))
def test_a_peer_that_sends_rubbish_harms_only_its_own_stream(
    server: ChaincodeServer, peer: FakePeer, kind: int
) -> None:
    with FakePeer(server.port) as hostile:
        hostile.raw(ChaincodeMessage(type=kind, payload=b"\xff" * 100, txid="rubbish", channel_id="\x00"))
        hostile.raw(ChaincodeMessage(type=kind))

        assert peer.call(names.GET, "genesis").status == 200


def test_several_peers_are_served_at_the_same_time(server: ChaincodeServer) -> None:
    with FakePeer(server.port) as one, FakePeer(server.port) as other:
        one.silent = True
        one.begin(names.GET, "genesis")

        assert other.call(names.GET, "genesis").status == 200


def test_a_range_is_read_page_by_page_and_closed_when_enough_was_read(
    server: ChaincodeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakePeer(server.port, page=2) as peer:
        peer.state = {f"job~{number}": "x" for number in range(5)} | {"jobs": "no", "fabric~own": "no"}
        whole = peer.call(names.ITEMS, "job~", "").payload
        rest = peer.call(names.ITEMS, "job~", "job~2").payload
        everything = peer.call(names.ITEMS, "", "").payload
        monkeypatch.setattr(names, "MAX_PAGE", 3)
        cut = peer.call(names.ITEMS, "job~", "").payload

        assert whole.count(b"job~") == 5
        assert rest == b'[["job~3","x"],["job~4","x"]]'
        assert b"fabric~" not in everything
        assert b"jobs" in everything
        assert cut.count(b"job~") == 3
        assert peer.kinds["QUERY_STATE_CLOSE"] == 1


def test_keys_after_the_servers_own_are_found_however_many_transactions_there_were(peer: FakePeer) -> None:
    """A peer ends a long query without a word: with an own key for each transaction the ledger's end went missing."""
    own = {names.recorded(f"tx-{number}"): "id" for number in range(50)}
    peer.state = {**own, "account~bob": "1", "fabric": "2", "fees": "3", "supply": "4"}
    peer.query_limit = 10

    found = json.loads(peer.call(names.ITEMS, "", "").payload)

    assert found == [["account~bob", "1"], ["fabric", "2"], ["fees", "3"], ["supply", "4"]]
    assert json.loads(peer.call(names.ITEMS, "", "account~bob").payload) == found[1:]
    assert json.loads(peer.call(names.ITEMS, "f", "").payload) == found[1:3]
    assert json.loads(peer.call(names.ITEMS, "fabric~", "").payload) == []


def test_the_history_of_a_key_is_told(peer: FakePeer) -> None:
    peer.state["job~1"] = "x"

    assert peer.call(names.HISTORY, "job~1").payload == b'[["first",0,"x"],["second",0,null]]'


def test_stopping_lets_running_transactions_end(genesis_file: Path) -> None:
    server = ChaincodeServer(package_id="p", address="127.0.0.1:0", tls=None, transactions=Transactions(genesis_file))
    server.start()
    with FakePeer(server.port) as peer:
        peer.silent = True
        begun = peer.begin(names.GET, "genesis")
        wait_for("the question", lambda: peer.kinds["GET_STATE_MULTIPLE"], 30)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        peer.speak()

        assert begun.result(30).status == 200
        stopping.join(30)
        assert not stopping.is_alive()


def test_a_port_that_is_taken_is_named(server: ChaincodeServer, genesis_file: Path) -> None:
    with pytest.raises(ChaincodeError, match=str(server.port)):
        ChaincodeServer(
            package_id="p",
            address=f"127.0.0.1:{server.port}",
            tls=None,
            transactions=Transactions(genesis_file),
        )
