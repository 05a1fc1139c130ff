"""One prompt continued in four ways: greedy, sampled, and beam search without and with a repetition penalty."""

from bot.engine.continuation import write_or_search
from bot.engine.primitives import Engine
from bot.questions.comparison import BeamTree, ComparedText, Comparison, ComparisonQuestion
from bot.questions.continuation import Continuation, ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import Watcher
from bot.questions.options import MAX_COMPARED_TOKENS


def compare(engine: Engine, question: ComparisonQuestion, watcher: Watcher[Comparison]) -> Comparison:
    """Continue a prompt in each way.

    Raises EmptyPrompt, PromptTooLong, OptionOutOfRange (also for more than `MAX_COMPARED_TOKENS` new tokens),
    GenerationUnsupported and RequestCancelled.
    """
    all_parameters = _compared_parameters(question)
    for parameters in all_parameters:
        engine.refuse_unsupported(parameters)
    texts: list[ComparedText] = []
    trees: list[BeamTree] = []
    for parameters in all_parameters:
        asked = ContinuationQuestion(question.prompt, parameters)
        written, search = write_or_search(engine, asked, _TextWatcher(watcher), with_tree=True)
        watcher.note_token()  # the text's last one
        if search is not None and search.tree is not None:
            trees.append(search.tree)
        log_probability = sum(token.log_probability for token in written.tokens)
        texts.append(ComparedText(written, log_probability, None if search is None else search.score))
    return Comparison(question.prompt, tuple(texts), trees[0])


class _TextWatcher(Watcher[Continuation]):
    """Watches one text of a comparison. The text is cancelled with the comparison, and never ends early."""

    def __init__(self, comparison: Watcher[Comparison]) -> None:
        self._comparison = comparison

    def is_cancelled(self) -> bool:
        return self._comparison.is_cancelled()

    def note_token(self) -> None:
        self._comparison.note_token()


def _compared_parameters(question: ComparisonQuestion) -> list[GenerationParameters]:
    """Return the parameters of each text. Plain beam search is third. Raises OptionOutOfRange."""
    length = {"max_new_tokens": question.max_new_tokens, "max_new_tokens_limit": MAX_COMPARED_TOKENS}
    beams, penalty = question.num_beams, question.repetition_penalty
    all_parameters = [
        GenerationParameters.from_options(strategy="greedy", **length),
        GenerationParameters.from_options(strategy="sample", seed=question.seed, **length),
        GenerationParameters.from_options(strategy="beam", num_beams=beams, **length),
        GenerationParameters.from_options(strategy="beam", num_beams=beams, repetition_penalty=penalty, **length),
    ]
    return all_parameters[:3] if penalty == 1.0 else all_parameters
