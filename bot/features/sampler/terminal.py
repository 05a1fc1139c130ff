"""`nightword sampler`: the next token's distribution on its way through the sampler."""

import argparse

from bot.features.sampler.picture import stages_picture
from bot.features.sampler.text import cut_reason
from bot.questions.generation import DEFAULT_TEMPERATURE, DEFAULT_TOP_K, DEFAULT_TOP_P
from bot.questions.language_model import ModelInfo
from bot.questions.sampler import Distribution, SamplerQuestion, SamplerStages
from bot.rendering.escaping import visible_token
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, token_object
from bot.rendering.tables import percentage, table
from bot.terminal.console import load, print_footer, print_json, settings_of, text_of, timed
from bot.terminal.options import TEXT_HELP, Commands, _or, add_generation_options, add_model_options, add_outputs
from bot.terminal.picture_file import picture_target, write_picture


def stages_object(result: SamplerStages, model: ModelInfo) -> JsonObject:
    """Return the distribution before the sampler and after each of its stages."""
    return {
        "command": "sampler",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "before": _distribution(result.before),
        "stages": [
            {
                "name": stage.name,
                "value": stage.value,
                "is_on": stage.is_on,
                "tokens_cut": stage.tokens_cut,
                "mass_cut": stage.mass_cut,
                "cut": [
                    {
                        "rank": one.rank,
                        **token_object(one.token),
                        "probability": one.probability,
                        "probability_before": one.probability_before,
                    }
                    for one in stage.cut
                ],
                "after": _distribution(stage.after),
            }
            for stage in result.stages
        ],
    }


def _distribution(distribution: Distribution) -> JsonObject:
    return {
        "tokens_left": distribution.tokens_left,
        "entropy": distribution.entropy,
        "tokens": [candidate_object(one) for one in distribution.top],
    }


def stages_table(result: SamplerStages) -> str:
    """Return what each stage left and cut, and why; tokens that are not among the first any more have "–" after it."""
    rows = [(f"{result.before.tokens_left:,}", f"{result.before.entropy:.2f}", "–", "before")]
    rows += [
        (
            f"{stage.after.tokens_left:,}",
            f"{stage.after.entropy:.2f}",
            percentage(stage.mass_cut),
            f"{stage.name} {stage.value:g}" if stage.is_on else f"{stage.name} off",
        )
        for stage in result.stages
    ]
    parts = [table(("tokens", "entropy", "cut", "stage"), rows, right=(0, 1, 2))]
    after = {one.token.id: percentage(one.probability) for one in result.stages[-1].after.top}
    first = [
        (percentage(one.probability), after.get(one.token.id, "–"), visible_token(one.token.text))
        for one in result.before.top
    ]
    parts.append(table(("before", "after", "token"), first, right=(0, 1)))
    parts += [
        "\n".join([f"{stage.name} cut", *(cut_reason(stage, one) for one in stage.cut[:3])])
        for stage in result.stages
        if stage.cut
    ]
    return "\n\n".join(parts)


def sampler(arguments: argparse.Namespace) -> int:
    """Print the next token's distribution on its way through the sampler."""
    prompt = text_of(arguments.prompt)
    target = picture_target(arguments.png)
    model = load(settings_of(arguments))
    with timed() as seconds:
        question = SamplerQuestion(
            prompt,
            _or(arguments.temperature, DEFAULT_TEMPERATURE),
            _or(arguments.top_k, DEFAULT_TOP_K),
            _or(arguments.top_p, DEFAULT_TOP_P),
            _or(arguments.repetition_penalty, 1.0),
        )
        result = model.answer(question)
    if arguments.json:
        print_json(stages_object(result, model.info))
    else:
        print(stages_table(result))
        print_footer(model, seconds())
    write_picture(target, stages_picture, result)
    return 0


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("sampler", help="what each stage of the sampler does to the next token")
    parser.add_argument("prompt", help=TEXT_HELP)
    add_generation_options(parser, ("temperature", "top_k", "top_p", "repetition_penalty"))
    add_model_options(parser)
    add_outputs(parser, "the stages")
    parser.set_defaults(run=sampler)
