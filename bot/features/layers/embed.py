"""The readings after each layer as an embed."""

import discord

from bot.answers.answer import BLURPLE, Answer, footer
from bot.features.layers.text import layers_table, lead_text, shown_layers
from bot.questions.language_model import RunInfo
from bot.questions.layers import LayerReadings
from bot.rendering.escaping import code_block
from bot.rendering.prose import prompt_excerpt, token_in_prose
from bot.rendering.tables import PHONE_WIDTH

PROMPT_LIMIT = 300  # characters, escaped

_READING = (
    "Each row is what the model would say if it ended after that layer: its own last norm and output layer read the "
    "layer's state (the *logit lens*). Early layers were not trained to be read this way."
)


def layers_answer(result: LayerReadings, run: RunInfo) -> Answer:
    """Show the most probable next token after each layer, and from which layer on the model's answer leads."""
    answer = result.answers[-1]
    embed = discord.Embed(
        title="Layer by layer",
        description=(
            f"{prompt_excerpt(result.prompt, PROMPT_LIMIT).text} **▁**\n"
            f"{code_block(layers_table(shown_layers(result.layers), PHONE_WIDTH))}\n"
            f"{token_in_prose(answer.token.text)} leads {lead_text(result)}. {_READING}"
        ),
        colour=BLURPLE,
    )
    embed.set_footer(text=footer(run))
    return Answer(embed)
