"""The contracts as a chaincode of Hyperledger Fabric: a server of the shim protocol, one for each organisation."""
