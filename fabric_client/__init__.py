"""A client of Hyperledger Fabric's Gateway and Deliver services; it knows nothing of what transactions mean."""
