"""Who may do what: proposals that both organisations approve, keys and their changes, fees."""
