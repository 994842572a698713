"""The monetary contract: money in and out, deposits, transfers, and what operators share."""
