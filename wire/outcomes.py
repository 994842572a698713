"""How a container ended, whose fault that was, and why an agent may refuse a ticket: data, each with its sentence."""

from enum import StrEnum
from typing import Self


class _Told(StrEnum):
    """Words of ours, each with the sentence in which people are told."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        word = str.__new__(cls, value)
        word._value_, word.sentence = value, sentence
        return word


class ExitState(_Told):
    """How the run of a job ended; part of the receipt."""

    SUCCEEDED = "succeeded", "The function returned a result."
    FUNCTION_ERROR = "function_error", "The function ended with an error of its own."
    TIMED_OUT = "timed_out", "The function ran longer than its version allows."
    OUT_OF_MEMORY = "out_of_memory", "The function needed more memory than its version allows."
    OUTPUT_TOO_LARGE = "output_too_large", "The function wrote more output than its version allows."
    PULL_FAILED = "pull_failed", "The provider could not get the image."
    CRASHED = "crashed", "The provider's machine failed while the job ran."
    REFUSED = "refused", "The provider did not take the job."


#: A job that ends so is not paid, and is tried on another provider: the provider's own fault (docs/states.md).
PROVIDER_FAULTS = frozenset({ExitState.PULL_FAILED, ExitState.CRASHED, ExitState.REFUSED})


class RefusalReason(_Told):
    """Why an agent did not take a ticket."""

    BAD_SIGNATURE = "bad_signature", "The ticket is not signed by a key that the controller's root key vouches for."
    OLD_TERM = "old_term", "The ticket comes from a scheduler that has been replaced."
    TOO_LATE = "too_late", "The ticket arrived after the time to accept it."
    NOT_FOR_ME = "not_for_me", "The ticket names another provider."
    REPEATED = "repeated", "The ticket's job was taken before."
    NO_FREE_SLOT = "no_free_slot", "All slots of the provider are taken."
    TOO_LARGE = "too_large", "The job needs more than the provider offers."
    PRICE_TOO_LOW = "price_too_low", "The job pays less than the provider's price."
    REGISTRY_NOT_ALLOWED = "registry_not_allowed", "The image lies on a registry that the provider does not pull from."
    DRAINING = "draining", "The provider takes no new jobs."
    MALFORMED = "malformed", "The ticket cannot be read."
    INPUT_ALTERED = "input_altered", "The input that came with the ticket is not the one that it names."
