"""What crosses a process border, defined once: messages, names, outcomes, money, limits, signing."""
