"""The agent: the program on a provider's machine that takes tickets, runs containers and signs receipts."""

__version__ = "0.2.0"
