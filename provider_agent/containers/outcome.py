"""What came of a container: how its job ended, what it wrote, and how long it ran. Pure."""

from collections.abc import Mapping

from provider_agent.containers.ports import Ended, Unstartable
from provider_agent.containers.streams import Ending, Transcript
from provider_agent.ports import RunReport
from wire.outcomes import ExitState

#: The exit code of a process that was killed.
KILLED = 137
_CANNOT_START = 127
_TEXT_MAX = 1024
_EXIT_STATES: Mapping[Ending, ExitState] = {
    Ending.TOO_LARGE: ExitState.OUTPUT_TOO_LARGE,
    Ending.TIMED_OUT: ExitState.TIMED_OUT,
    Ending.CANCELLED: ExitState.CRASHED,  # Not wanted any more; nobody is to pay for it.
}


def ran(ending: Ending, ended: Ended, transcript: Transcript, *, pull_ms: int, wall_ms: int) -> RunReport:
    """Return the report of a container that ran, for `wall_ms` at most."""
    exit_state = _exit_state(ending, ended)
    return RunReport(
        exit_state=exit_state,
        run_ms=max(1, min(ended.run_ms, wall_ms)),
        output=bytes(transcript.output) if exit_state is ExitState.SUCCEEDED else b"",
        exit_code=ended.exit_code,
        pull_ms=pull_ms,
        log_tail=transcript.tail_text,
    )


def unstartable(error: Unstartable) -> RunReport:
    """Return the report of an image that can start nowhere."""
    text = f"The image cannot be started: {error}"
    return RunReport(exit_state=ExitState.FUNCTION_ERROR, exit_code=_CANNOT_START, log_tail=text[:_TEXT_MAX])


def _exit_state(ending: Ending, ended: Ended) -> ExitState:
    if ending is not Ending.CLOSED:
        return _EXIT_STATES[ending]
    if ended.exit_code == 0:
        return ExitState.SUCCEEDED
    return ExitState.OUT_OF_MEMORY if ended.is_out_of_memory else ExitState.FUNCTION_ERROR
