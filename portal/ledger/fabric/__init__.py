"""Hyperledger Fabric behind the ledger's port."""
