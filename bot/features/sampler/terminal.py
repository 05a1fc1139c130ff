"""`nightword sampler`: the next-token distribution after each stage of the sampler."""

import argparse

from bot.features.sampler.picture import stages_picture
from bot.features.sampler.text import cut_reason
from bot.questions.language_model import ModelInfo
from bot.questions.sampler import STAGES, CutToken, Distribution, SamplerQuestion, SamplerStage, SamplerStages
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
                        "rank": entry.rank,
                        **token_object(entry.token),
                        "probability": entry.probability,
                        "probability_before": entry.probability_before,
                    }
                    for entry in stage.cut
                ],
                "after": _distribution(stage.after),
            }
            for stage in result.stages
        ],
        "temperature_sweep": [
            {"temperature": point.temperature, "entropy_bits": point.entropy, "tokens_left": point.tokens_left}
            for point in result.temperature_sweep
        ],
    }


def _distribution(distribution: Distribution) -> JsonObject:
    return {
        "tokens_left": distribution.tokens_left,
        "entropy": distribution.entropy,
        "tokens": [candidate_object(entry) for entry in distribution.top],
    }


def stages_table(result: SamplerStages) -> str:
    """Return what each stage kept and cut, and why. "–" marks a token that is no longer among the most probable."""
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
    after = {entry.token.id: percentage(entry.probability) for entry in result.after.top}
    first = [
        (percentage(entry.probability), after.get(entry.token.id, "–"), visible_token(entry.token.text))
        for entry in result.before.top
    ]
    parts.append(table(("before", "after", "token"), first, right=(0, 1)))
    parts += [
        "\n".join([f"{stage.name} cut", *(_cut_line(stage, entry, before) for entry in stage.cut[:3])])
        for before, stage in result.with_before()
        if stage.cut
    ]
    return "\n\n".join(parts)


def _cut_line(stage: SamplerStage, entry: CutToken, before: Distribution) -> str:
    shown = f"{visible_token(entry.token.text)} ({percentage(entry.probability)})"
    return f"{shown}: {cut_reason(stage, entry, before)}"


def sampler(arguments: argparse.Namespace) -> int:
    """Print the next-token distribution after each stage of the sampler."""
    question = SamplerQuestion.from_options(
        text_of(arguments.prompt),
        **{name: getattr(arguments, name) for name in STAGES},
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
    parser = commands.add_parser("sampler", help="how each stage of the sampler changes the next-token distribution")
    add_options(parser, "sampler")
    add_model_options(parser)
    add_outputs(parser, "the stages")
    parser.set_defaults(run=sampler)
