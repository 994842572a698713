"""How a container ended, whose fault that was, and why an agent may refuse a ticket: data, each with its sentence."""

from enum import StrEnum


class ExitState(StrEnum):
    """How the run of a job ended; part of the receipt."""

    SUCCEEDED = "succeeded"
    FUNCTION_ERROR = "function_error"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_TOO_LARGE = "output_too_large"
    PULL_FAILED = "pull_failed"
    CRASHED = "crashed"
    REFUSED = "refused"


#: A job that ends so is not paid, and is tried on another provider: the provider's own fault (docs/states.md).
PROVIDER_FAULTS = frozenset({ExitState.PULL_FAILED, ExitState.CRASHED, ExitState.REFUSED})

EXIT_SENTENCES: dict[ExitState, str] = {
    ExitState.SUCCEEDED: "The function returned a result.",
    ExitState.FUNCTION_ERROR: "The function ended with an error of its own.",
    ExitState.TIMED_OUT: "The function ran longer than its version allows.",
    ExitState.OUT_OF_MEMORY: "The function needed more memory than its version allows.",
    ExitState.OUTPUT_TOO_LARGE: "The function wrote more output than its version allows.",
    ExitState.PULL_FAILED: "The provider could not get the image.",
    ExitState.CRASHED: "The provider's machine failed while the job ran.",
    ExitState.REFUSED: "The provider did not take the job.",
}


class RefusalReason(StrEnum):
    """Why an agent did not take a ticket."""

    BAD_SIGNATURE = "bad_signature"
    OLD_TERM = "old_term"
    TOO_LATE = "too_late"
    NOT_FOR_ME = "not_for_me"
    REPEATED = "repeated"
    NO_FREE_SLOT = "no_free_slot"
    TOO_LARGE = "too_large"
    PRICE_TOO_LOW = "price_too_low"
    REGISTRY_NOT_ALLOWED = "registry_not_allowed"
    DRAINING = "draining"
    MALFORMED = "malformed"
    INPUT_ALTERED = "input_altered"


REFUSAL_SENTENCES: dict[RefusalReason, str] = {
    RefusalReason.BAD_SIGNATURE: "The ticket is not signed by a key that the controller's root key vouches for.",
    RefusalReason.OLD_TERM: "The ticket comes from a scheduler that has been replaced.",
    RefusalReason.TOO_LATE: "The ticket arrived after the time to accept it.",
    RefusalReason.NOT_FOR_ME: "The ticket names another provider.",
    RefusalReason.REPEATED: "The ticket's job was taken before.",
    RefusalReason.NO_FREE_SLOT: "All slots of the provider are taken.",
    RefusalReason.TOO_LARGE: "The job needs more than the provider offers.",
    RefusalReason.PRICE_TOO_LOW: "The job pays less than the provider's price.",
    RefusalReason.REGISTRY_NOT_ALLOWED: "The image lies on a registry that the provider does not pull from.",
    RefusalReason.DRAINING: "The provider takes no new jobs.",
    RefusalReason.MALFORMED: "The ticket cannot be read.",
    RefusalReason.INPUT_ALTERED: "The input that came with the ticket is not the one that it names.",
}
