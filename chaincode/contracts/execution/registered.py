"""All operations that can be called, by kind: the one chaincode's monitoring and monetary contracts."""

from chaincode.contracts.governance.fees import FeesContract
from chaincode.contracts.governance.key_changes import KeyContract
from chaincode.contracts.governance.operators import OperatorContract
from chaincode.contracts.governance.proposals import ProposalContract
from chaincode.contracts.monetary.deposits import DepositContract
from chaincode.contracts.monetary.epochs import EpochContract
from chaincode.contracts.monetary.payouts import PayoutContract
from chaincode.contracts.monetary.transfers import TransferContract
from chaincode.contracts.monetary.treasury import TreasuryContract
from chaincode.contracts.monitoring.claims import ClaimContract
from chaincode.contracts.monitoring.completion import CompletionContract
from chaincode.contracts.monitoring.creation import CreationContract
from chaincode.contracts.monitoring.endings import EndingContract
from chaincode.contracts.monitoring.registry import RegistryContract
from chaincode.contracts.transaction.contract import Contract, RegisteredTransaction

CONTRACTS: tuple[Contract, ...] = (
    RegistryContract(),
    CreationContract(),
    CompletionContract(),
    EndingContract(),
    ClaimContract(),
    TreasuryContract(),
    DepositContract(),
    PayoutContract(),
    TransferContract(),
    ProposalContract(lambda kind: TRANSACTIONS[kind]),
    FeesContract(),
    KeyContract(),
    OperatorContract(),
    EpochContract(),
)

TRANSACTIONS: dict[str, RegisteredTransaction] = {
    kind: transaction for contract in CONTRACTS for kind, transaction in contract.transactions()
}
