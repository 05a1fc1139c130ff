"""The tokens of a text."""

from bot.engine.tokenizer import TextCodec
from bot.errors import EmptyPrompt
from bot.questions.tokenization import Tokenization, TokenizationQuestion


def tokenize(codec: TextCodec, question: TokenizationQuestion) -> tuple[Tokenization, Tokenization | None]:
    """Split a text into tokens, special tokens included, and a second one where there is one."""
    other = None if question.compare_with is None else _tokens(codec, question.compare_with)
    return _tokens(codec, question.text), other


def _tokens(codec: TextCodec, text: str) -> Tokenization:
    if not text:
        raise EmptyPrompt("text", codec.prompt_limit)
    return Tokenization(text, tuple(codec.token(id_) for id_ in codec.ids(text)))
