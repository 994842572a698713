"""What a chaincode's transaction costs its server: our own beside the stock package."""
