"""The network's processes: how each is started, found again and stopped."""
