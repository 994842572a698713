"""All operations that can be called, by kind: the one chaincode's monitoring and monetary contracts."""

from chaincode.contracts.execution.contract import Contract, Transaction
from chaincode.contracts.monetary.deposits import DepositContract
from chaincode.contracts.monetary.treasury import TreasuryContract
from chaincode.contracts.monitoring.completion import CompletionContract
from chaincode.contracts.monitoring.creation import CreationContract
from chaincode.contracts.monitoring.registry import RegistryContract

CONTRACTS: tuple[Contract, ...] = (
    RegistryContract(),
    CreationContract(),
    CompletionContract(),
    TreasuryContract(),
    DepositContract(),
)

TRANSACTIONS: dict[str, Transaction] = {
    kind: transaction for contract in CONTRACTS for kind, transaction in contract.transactions()
}
