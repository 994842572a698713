"""A peer of somebody who joined with a code: made, started and looked after on the operator's own machine."""
