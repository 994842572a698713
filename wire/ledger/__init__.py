"""The ledger's words, spelt once for contracts, portal, agent and operators."""
