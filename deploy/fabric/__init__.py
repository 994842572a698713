"""Builds, starts and looks after a Hyperledger Fabric network: what `fabric-network/network` runs."""
