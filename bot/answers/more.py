"""The button *More* below an answer that shows the first rows of a table: all of them, privately."""

import re
from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

import discord

from bot.answers.answer import BLURPLE, DESCRIPTION_LIMIT, Answer, Attachment, footer
from bot.answers.answering import answer, defer
from bot.answers.client import Interaction
from bot.answers.components import PersistentButton
from bot.answers.message_state import check_model, read_state
from bot.questions.language_model import RepeatableQuestion, RunInfo
from bot.receipts.receipt import read_receipt_of
from bot.rendering.escaping import code_block
from bot.rendering.tables import PHONE_WIDTH

SHOWN_ROWS = 10  # of a table in an answer, so that the answer fits on one screen
MOST_LINES = 36  # of a whole table in an embed, so that it fits on one screen
TABLE_FILE = "table.txt"

T = TypeVar("T")


class MoreButton(PersistentButton, Generic[T], template=r"(?!)"):
    """Shows privately the whole table of an answer. `question` is the type of question in the answer's receipt.

    The receipt has no texts of tokens, so the question is asked again.
    """

    question: ClassVar[type[RepeatableQuestion[Any]]]

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="More", custom_id=f"more:{self.question.command}"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "MoreButton[T]":
        """Return the button."""
        return cls()

    @abstractmethod
    def whole_table(self, result: T, columns: int | None) -> str:
        """Return all rows, in at most `columns` if they are given."""

    async def press(self, interaction: Interaction) -> None:
        """Ask the question of the message's receipt again and show all rows of its table."""
        if not await defer(interaction, private=True):
            return
        read = partial(read_receipt_of, self.question)
        question, receipt = await read_state(interaction, read)
        check_model(receipt.model, interaction.client.executor.status.model)
        await answer(interaction, question, self._render, private=True)

    def _render(self, result: T, run: RunInfo) -> Answer:
        return whole_answer(self.whole_table(result, PHONE_WIDTH), self.whole_table(result, None), run)


def whole_answer(narrow: str, wide: str, run: RunInfo) -> Answer:
    """Show a table as text: `narrow` in the embed, or `wide` in a file, which Discord previews, if that is too long."""
    embed = discord.Embed(title="The whole table", description=code_block(narrow), colour=BLURPLE)
    embed.set_footer(text=footer(run))
    if narrow.count("\n") < MOST_LINES and len(embed) <= DESCRIPTION_LIMIT:
        return Answer(embed)
    embed.description = "The table is too long for a message. It's in the attached file."
    return Answer(embed, (Attachment(TABLE_FILE, f"{wide}\n", "The whole table"),))
