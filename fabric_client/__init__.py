"""A client of Hyperledger Fabric's peers and certificate authority; it knows nothing of what transactions mean."""
