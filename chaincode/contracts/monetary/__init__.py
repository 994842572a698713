"""The monetary contract: money that comes in, and deposits."""
