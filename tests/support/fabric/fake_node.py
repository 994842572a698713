"""A peer as clients see it, over a real socket with TLS: it endorses what it is told to, and its Gateway orders all."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer import peer_pb2_grpc, proposal_pb2, proposal_response_pb2, transaction_pb2

from deploy.servers.tls import ServerTls
from fabric_client.identity import Identity
from fabric_client.peers import PeerEndpoint

BY_GATEWAY = b"endorsed by the Gateway"
#: Given a proposal's number, the first is 0: what the peer answers.
Answer = Callable[[int], Any]


class Refusal(Exception):
    """The peer's own words, as a failed call; with another code that of a call which failed on its way."""

    def __init__(self, words: str, *, code: grpc.StatusCode = grpc.StatusCode.UNKNOWN) -> None:
        super().__init__(words)
        self.code = code


class FakeNode(peer_pb2_grpc.EndorserServicer, gateway_pb2_grpc.GatewayServicer):  # type: ignore[misc]
    """One peer; what it answers can be changed while it runs."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        #: How many proposals its Endorser service got, and how many its Gateway.
        self.asked = 0
        self.gateway_asked = 0
        self.submitted: list[Any] = []
        #: What becomes of what it orders.
        self.validation: Callable[[Any], int] = lambda _: transaction_pb2.TxValidationCode.VALID
        self.answer: Answer = lambda _: self.endorsement(b"result")
        #: What the Gateway refuses endorsing with.
        self.gateway_words = ""
        #: Called before it answers a proposal.
        self.meanwhile: Callable[[], object] = lambda: None

    def endorsement(self, result: bytes) -> Any:
        """Return what the peer answers when the chaincode's result is this."""
        response = proposal_response_pb2.Response(status=200, payload=result)
        action = proposal_pb2.ChaincodeAction(response=response).SerializeToString()
        payload = proposal_response_pb2.ProposalResponsePayload(extension=action).SerializeToString()
        creator = self.identity.creator
        return proposal_response_pb2.ProposalResponse(
            response=response,
            payload=payload,
            endorsement=proposal_response_pb2.Endorsement(
                endorser=creator, signature=self.identity.sign(payload + creator)
            ),
        )

    def ProcessProposal(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's names
        """Answer a proposal."""
        number, self.asked = self.asked, self.asked + 1
        self.meanwhile()
        try:
            return self.answer(number)
        except Refusal as refusal:
            context.abort(refusal.code, str(refusal))

    def Endorse(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's names
        """Endorse for all organisations."""
        self.gateway_asked += 1
        if self.gateway_words:
            context.abort(grpc.StatusCode.ABORTED, self.gateway_words)
        return gateway_pb2.EndorseResponse(prepared_transaction=common_pb2.Envelope(payload=BY_GATEWAY))

    def Submit(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's names
        """Take a transaction."""
        self.submitted.append(request.prepared_transaction)
        return gateway_pb2.SubmitResponse()

    def CommitStatus(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's names
        """Say what became of the newest transaction."""
        return gateway_pb2.CommitStatusResponse(result=self.validation(self.submitted[-1]), block_number=1)


def failed(status: int, message: str) -> Any:
    """Return the answer of a peer without an endorsement."""
    return proposal_response_pb2.ProposalResponse(
        response=proposal_response_pb2.Response(status=status, message=message)
    )


@contextmanager
def serving(node: FakeNode, tls: ServerTls, *, endorses_for: str) -> Iterator[tuple[PeerEndpoint, grpc.Server]]:
    """Yield where a peer is, and its server, which may be stopped before."""
    server = grpc.server(ThreadPoolExecutor(4))
    peer_pb2_grpc.add_EndorserServicer_to_server(node, server)
    gateway_pb2_grpc.add_GatewayServicer_to_server(node, server)
    pair = [(tls.key_file.read_bytes(), tls.certificate_file.read_bytes())]
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(pair))
    server.start()
    try:
        root = tls.ca_file.read_bytes()
        yield PeerEndpoint(address=f"127.0.0.1:{port}", tls_root=root, endorses_for=endorses_for), server
    finally:
        server.stop(None).wait(10)
