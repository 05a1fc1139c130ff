"""`nightword layers`: what the model would say after each of its layers."""

import argparse

from bot.features.layers.picture import layers_picture
from bot.features.layers.text import layers_table, lead_text
from bot.questions.language_model import ModelInfo
from bot.questions.layers import LayerReadings, LayersQuestion
from bot.rendering.escaping import visible_token
from bot.rendering.json_objects import JsonObject, model_object, token_object
from bot.terminal.ask import ask
from bot.terminal.console import text_of
from bot.terminal.options import Commands, add_model_options, add_options, add_outputs


def layers_object(result: LayerReadings, model: ModelInfo) -> JsonObject:
    """Return the most probable next tokens after each layer and position. Layer 0 is the embedding."""
    return {
        "command": "layers",
        "model": model_object(model),
        "prompt": result.prompt,
        "input_ids": list(result.input_ids),
        "layers": [
            {
                "layer": layer.number,
                "positions": [
                    {
                        "position": reading.position,
                        "tokens": [
                            {**token_object(entry.token), "probability": entry.probability} for entry in reading.top
                        ],
                        "entropy_bits": reading.entropy,
                    }
                    for reading in layer.positions
                ],
            }
            for layer in result.layers
        ],
    }


def layers_text(result: LayerReadings) -> str:
    """Return the most probable next token after the prompt by layer, and from which layer on the answer leads."""
    answer = visible_token(result.answers[-1].token.text)
    return f"{layers_table(list(result.layers))}\n\n{answer} leads {lead_text(result)}"


def layers(arguments: argparse.Namespace) -> int:
    """Print what the model would say after each of its layers."""
    return ask(
        arguments,
        LayersQuestion.from_options(text_of(arguments.prompt), arguments.positions),
        to_json=layers_object,
        to_text=lambda result, _: layers_text(result),
        draw=layers_picture,
    )


def add_parser(commands: Commands) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("layers", help="what the model would say after each of its layers")
    add_options(parser, "layers")
    add_model_options(parser)
    add_outputs(parser, "the grid of tokens")
    parser.set_defaults(run=layers)
