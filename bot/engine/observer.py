"""What the executor and the engine report while they work, for metrics."""

from typing import Literal

Work = Literal["interactive", "background"]
Phase = Literal["prefill", "decode"]  # of a forward pass: over prompts, or over the last token of each running text


class EngineObserver:
    """Is told about requests and forward passes. This base class ignores them.

    All methods are called on the model's thread, between computations. They must return at once and never raise.
    """

    def begin_request(self, work: Work, waited: float) -> None:
        """Note that a request's computation begins after `waited` seconds in the queue."""

    def write_first_token(self, seconds: float) -> None:
        """Note the first new token of a text, `seconds` after its request was queued."""

    def compute_pass(self, phase: Phase, texts: int, tokens: int, seconds: float) -> None:
        """Note a forward pass over several `texts`, with their number of computed `tokens` without padding."""
