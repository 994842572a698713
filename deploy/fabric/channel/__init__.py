"""The channel: its configuration, who joins it, and the chaincode's life on it."""
