"""The zero-shot sentiment prompt of the reference notebook, character for character."""

_BEFORE = "Question: Is the following review positive or\n    negative about the movie?\n    Review: "
_AFTER = " Answer:"

POSITIVE_LABEL = " positive"
NEGATIVE_LABEL = " negative"


def sentiment_prompt(review: str) -> str:
    """Return the prompt with `review` inserted as it came."""
    return f"{_BEFORE}{review}{_AFTER}"
