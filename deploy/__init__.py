"""Starting the marketplace and the real servers that it needs."""
