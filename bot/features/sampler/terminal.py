"""`nightword sampler`: the next token's distribution on its way through the sampler."""

import argparse

from bot.features.sampler.picture import stages_picture
from bot.features.sampler.text import cut_reason
from bot.questions.language_model import ModelInfo
from bot.questions.sampler import Distribution, SamplerQuestion, SamplerStages
from bot.rendering.escaping import visible_token
from bot.rendering.json_objects import JsonObject, candidate_object, model_object, token_object
from bot.rendering.tables import percentage, table
from bot.terminal.ask import ask
from bot.terminal.console import text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


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
    question = SamplerQuestion.from_options(
        text_of(arguments.prompt),
        temperature=arguments.temperature,
        top_k=arguments.top_k,
        top_p=arguments.top_p,
        repetition_penalty=arguments.repetition_penalty,
    )
    return ask(
        arguments,
        question,
        to_json=stages_object,
        to_text=lambda result, _: stages_table(result),
        draw=stages_picture,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("sampler", help="what each stage of the sampler does to the next token")
    add_options(parser, "sampler")
    add_model_options(parser)
    add_outputs(parser, "the stages")
    parser.set_defaults(run=sampler)
