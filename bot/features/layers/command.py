"""`/layers`: what the model would say after each of its layers."""

from dataclasses import replace

from discord import app_commands
from discord.ext import commands

from bot.answers.answer import Answer
from bot.answers.answering import answer
from bot.answers.client import BotClient, Interaction
from bot.answers.components import view_of
from bot.answers.details import with_receipt_below
from bot.answers.error_reply import reply_on_error
from bot.answers.more import MoreButton
from bot.answers.parameters import Positions, Text, describe_options
from bot.features.layers.embed import layers_answer
from bot.features.layers.picture import layers_picture
from bot.features.layers.text import MOST_LAYERS, layers_table
from bot.questions.language_model import RunInfo
from bot.questions.layers import LayerReadings, LayersQuestion


class Layers(commands.Cog):
    """The command `/layers`."""

    @app_commands.command(name="layers", extras={"example": "/layers prompt:The old man looked at the"})
    @describe_options("layers")
    @reply_on_error
    async def layers(
        self, interaction: Interaction, prompt: Text, positions: Positions | None = None, private: bool = False
    ) -> None:
        """Show what the model would say after each of its layers."""
        question = LayersQuestion.from_options(prompt, positions)
        render = with_receipt_below(question, _render)
        await answer(interaction, question, render, private=private, draw=layers_picture)


class MoreLayers(MoreButton[LayerReadings], template="more:layers"):
    """Shows every layer of a deep model."""

    question = LayersQuestion

    def whole_table(self, result: LayerReadings, columns: int | None) -> str:
        """Return each layer with its most probable next token."""
        return layers_table(result.layers, columns)


def _render(result: LayerReadings, run: RunInfo) -> Answer:
    shown = layers_answer(result, run)
    return shown if len(result.layers) <= MOST_LAYERS else replace(shown, view=view_of(MoreLayers()))


async def setup(bot: BotClient) -> None:
    """Add the command and its button, including buttons from before a restart."""
    await bot.add_cog(Layers())
    bot.add_dynamic_items(MoreLayers)
