"""One prompt continued greedily, by sampling, and by beam search without and with a repetition penalty."""

from collections.abc import Callable

from transformers import PreTrainedModel

from bot.engine.likelihoods import likelihoods_after
from bot.engine.tokenizer import TextCodec
from bot.engine.transformers.beam_search import BeamRecorder, generate
from bot.engine.transformers.forward_passes import ForwardPasses
from bot.errors import RequestCancelled
from bot.questions.comparison import MAX_COMPARED_TOKENS, BeamTree, ComparedText, Comparison
from bot.questions.continuation import Continuation, FinishReason
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import ShouldStop


def compared_parameters(
    max_new_tokens: int, seed: int, num_beams: int, repetition_penalty: float
) -> list[GenerationParameters]:
    """Return the parameters of the texts to compare, those of plain beam search third. Raises OptionOutOfRange."""
    length = {"max_new_tokens": max_new_tokens, "max_new_tokens_limit": MAX_COMPARED_TOKENS}
    found = [
        GenerationParameters.from_options(strategy="greedy", **length),
        GenerationParameters.from_options(strategy="sample", seed=seed, **length),
        GenerationParameters.from_options(strategy="beam", num_beams=num_beams, **length),
        GenerationParameters.from_options(
            strategy="beam", num_beams=num_beams, repetition_penalty=repetition_penalty, **length
        ),
    ]
    return found[:3] if repetition_penalty == 1.0 else found


def compare(
    model: PreTrainedModel,
    passes: ForwardPasses,
    codec: TextCodec,
    write: Callable[[str, GenerationParameters, ShouldStop], Continuation],
    prompt: str,
    all_parameters: list[GenerationParameters],
    should_stop: ShouldStop,
) -> Comparison:
    """Continue `prompt` in each way, `write` doing those without beams. Raises RequestCancelled."""
    texts: list[ComparedText] = []
    trees: list[BeamTree] = []
    for parameters in all_parameters:
        search_score = None
        if parameters.num_beams is None:
            result = write(prompt, parameters, should_stop)
        else:
            recorder = BeamRecorder(parameters.num_beams, codec.end_ids)
            result = _search(model, passes, codec, prompt, parameters, recorder, should_stop)
            search_score = recorder.score(result.output_ids)
            if not trees:
                trees.append(recorder.tree(result.output_ids, parameters.max_new_tokens, codec))
        found = likelihoods_after(passes, list(result.input_ids), result.output_ids)
        texts.append(ComparedText(result, sum(one.log_probability for one in found), search_score))
    return Comparison(prompt, tuple(texts), trees[0])


def _search(
    model: PreTrainedModel,
    passes: ForwardPasses,
    codec: TextCodec,
    prompt: str,
    parameters: GenerationParameters,
    recorder: BeamRecorder,
    should_stop: ShouldStop,
) -> Continuation:
    input_ids = codec.encode(prompt, room_for=parameters.max_new_tokens)
    output_ids = generate(
        model,
        input_ids,
        parameters,
        end_ids=codec.end_ids,
        pad_id=codec.pad_id,
        should_stop=should_stop,
        check=passes.check_finite,
        serve_others=passes.by_token,
        watching=[recorder],
    )
    if should_stop():
        raise RequestCancelled
    reason: FinishReason = "stop" if output_ids[-1] in codec.end_ids else "length"
    return codec.continuation(prompt, parameters, input_ids, output_ids, reason)
