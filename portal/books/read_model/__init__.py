"""Tables that follow from the blocks alone."""
