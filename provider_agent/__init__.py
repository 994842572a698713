"""The program on a provider's machine."""
