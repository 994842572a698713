"""The ledger on a Hyperledger Fabric network."""
