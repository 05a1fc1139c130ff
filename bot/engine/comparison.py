"""One prompt continued in four ways: greedy, sampled, and beam search without and with a repetition penalty."""

from bot.engine.continuation import WatchedSteps, continuation
from bot.engine.primitives import Engine, Search
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
        written, search = _continue(engine, ContinuationQuestion(question.prompt, parameters), watcher)
        watcher.note_token()  # the text's last one
        if search.tree is not None:
            trees.append(search.tree)
        texts.append(ComparedText(written, _log_probability(engine, written), search.score))
    return Comparison(question.prompt, tuple(texts), trees[0])


def _continue(
    engine: Engine, question: ContinuationQuestion, watcher: Watcher[Comparison]
) -> tuple[Continuation, Search]:
    codec, parameters = engine.codec, question.parameters
    input_ids = codec.encode(question.prompt, room_for=parameters.max_new_tokens)
    steps = WatchedSteps(codec, question, input_ids, _TextWatcher(watcher))
    if parameters.num_beams is None:
        search = Search(engine.write(input_ids, parameters, steps))
    else:
        search = engine.search(input_ids, parameters, steps, with_tree=True)
    return continuation(codec, question, input_ids, search.output_ids), search


class _TextWatcher(Watcher[Continuation]):
    """Watches one text of a comparison. The text is cancelled with the comparison, and never ends early."""

    def __init__(self, comparison: Watcher[Comparison]) -> None:
        self._comparison = comparison

    def is_cancelled(self) -> bool:
        return self._comparison.is_cancelled()

    def note_token(self) -> None:
        self._comparison.note_token()


def _log_probability(engine: Engine, written: Continuation) -> float:
    """Return the sum of the natural-log probabilities of the new tokens, at temperature 1."""
    input_ids, output_ids = list(written.input_ids), written.output_ids
    scores = engine.score_after_each(
        [*input_ids, *output_ids[:-1]], first=len(input_ids) - 1, following=[(id_,) for id_ in output_ids]
    )
    return sum(position.chosen[0].log_probability for position in scores)


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
