"""The Gateway service of one peer: endorse, submit, ask for the commit, evaluate; each fails in its own way."""

from typing import Any

import grpc
from fabric_protos.common import ledger_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer import transaction_pb2

from fabric_client.errors import ChaincodeRefused, CommitConflict, CommitRefused, CommitStatusUnknown, SubmitUnknown
from fabric_client.failures import before_ordering, words
from fabric_client.identity import Identity
from fabric_client.proposals import ChaincodeCall, SignedProposal, propose

_NO_SUCH_TRANSACTION = "no such transaction ID"
_CONFLICTS = frozenset({"MVCC_READ_CONFLICT", "PHANTOM_READ_CONFLICT"})


class Gateway:
    """One peer's Gateway, for one identity."""

    def __init__(self, channel: grpc.Channel, identity: Identity) -> None:
        self._stub = gateway_pb2_grpc.GatewayStub(channel)
        self._identity = identity

    def evaluate(self, proposal: SignedProposal, *, seconds: float) -> bytes:
        """Run a function on one peer and return its answer; nothing is ordered.

        :raises PeerUnavailable: when there is no answer.
        :raises ChaincodeRefused: when the function answers with an error.
        """
        request = gateway_pb2.EvaluateRequest(
            transaction_id=proposal.transaction_id, channel_id=proposal.channel, proposed_transaction=proposal.signed
        )
        try:
            answer = self._stub.Evaluate(request, timeout=seconds)
        except grpc.RpcError as error:
            raise before_ordering(error, proposal.transaction_id) from error
        return bytes(answer.result.payload)

    def height(self, channel: str, *, seconds: float) -> int:
        """Return how many blocks the peer has.

        :raises PeerUnavailable: when there is no answer.
        """
        answer = self._of_system("qscc", "GetChainInfo", channel, seconds=seconds)
        return int(ledger_pb2.BlockchainInfo.FromString(answer).height)

    def block(self, channel: str, number: int, *, seconds: float) -> bytes:
        """Return a block as the peer has it; nothing of it is checked.

        :raises PeerUnavailable: when there is no answer.
        """
        return self._of_system("qscc", "GetBlockByNumber", channel, str(number), seconds=seconds)

    def configuration(self, channel: str, *, seconds: float) -> bytes:
        """Return the channel's newest configuration block.

        :raises PeerUnavailable: when there is no answer.
        """
        return self._of_system("cscc", "GetConfigBlock", channel, seconds=seconds)

    def find(self, channel: str, transaction_id: str, *, seconds: float) -> Any | None:
        """Return a `ProcessedTransaction` of Fabric's, valid or not; None when the peer has no such transaction.

        :raises PeerUnavailable: when there is no answer.
        """
        try:
            answer = self._of_system("qscc", "GetTransactionByID", channel, transaction_id, seconds=seconds)
        except ChaincodeRefused as error:
            if _NO_SUCH_TRANSACTION in error.reason:
                return None
            raise
        return transaction_pb2.ProcessedTransaction.FromString(answer)

    def endorse(self, proposal: SignedProposal, *, seconds: float, organisations: tuple[str, ...] = ()) -> Any:
        """Return the transaction with its endorsements, signed by the submitter: an `Envelope` of Fabric's.

        :raises PeerUnavailable: when there is no answer.
        :raises ChaincodeRefused: when the chaincode refuses it.
        :raises NotPermitted: when the network refuses the submitter or the time.
        :raises AlreadyKnown: when a block holds a transaction of this id.
        :raises EndorsementsDiffer: when the peers do not answer the same.
        :raises EndorseFailed: when the endorsements cannot be had now.
        """
        request = gateway_pb2.EndorseRequest(
            transaction_id=proposal.transaction_id,
            channel_id=proposal.channel,
            proposed_transaction=proposal.signed,
            endorsing_organizations=organisations,
        )
        try:
            prepared = self._stub.Endorse(request, timeout=seconds).prepared_transaction
        except grpc.RpcError as error:
            raise before_ordering(error, proposal.transaction_id) from error
        prepared.signature = self._identity.sign(prepared.payload)
        return prepared

    def submit(self, proposal: SignedProposal, prepared: Any, *, seconds: float) -> None:
        """Hand an endorsed transaction to the orderers; the same one may be handed over again.

        :raises SubmitUnknown: when they may or may not have it.
        """
        request = gateway_pb2.SubmitRequest(
            transaction_id=proposal.transaction_id, channel_id=proposal.channel, prepared_transaction=prepared
        )
        try:
            self._stub.Submit(request, timeout=seconds)
        except grpc.RpcError as error:
            message, answers = words(error)
            raise SubmitUnknown(message, transaction_id=proposal.transaction_id, answers=answers) from error

    def commit_status(self, transaction_id: str, channel: str, *, seconds: float) -> int:
        """Wait until a transaction is committed and return the number of its block.

        :raises CommitStatusUnknown: when that is not known in time.
        :raises CommitConflict: when another transaction was faster.
        :raises CommitRefused: when the peers found it not valid.
        """
        content = gateway_pb2.CommitStatusRequest(
            transaction_id=transaction_id, channel_id=channel, identity=self._identity.creator
        ).SerializeToString()
        request = gateway_pb2.SignedCommitStatusRequest(request=content, signature=self._identity.sign(content))
        try:
            answer = self._stub.CommitStatus(request, timeout=seconds)
        except grpc.RpcError as error:
            message, answers = words(error)
            raise CommitStatusUnknown(message, transaction_id=transaction_id, answers=answers) from error
        code = transaction_pb2.TxValidationCode.Name(answer.result)
        if code in _CONFLICTS:
            raise CommitConflict(code, transaction_id=transaction_id)
        if code != "VALID":
            raise CommitRefused(code, transaction_id=transaction_id)
        return int(answer.block_number)

    def _of_system(self, chaincode: str, function: str, channel: str, *more: str, seconds: float) -> bytes:
        """Return what one of Fabric's own chaincodes answers about a channel."""
        arguments = tuple(part.encode() for part in (channel, *more))
        call = ChaincodeCall(channel=channel, chaincode=chaincode, function=function, arguments=arguments)
        return self.evaluate(propose(self._identity, call), seconds=seconds)
