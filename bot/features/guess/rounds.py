"""A round below `/guess`: its buttons and its form, and each step from the message's own file."""

import asyncio
import re
import secrets
from dataclasses import replace
from functools import partial

import discord

from bot.answers.answer import Answer
from bot.answers.answering import answer, defer
from bot.answers.client import Interaction
from bot.answers.components import Form, PersistentButton, view_of
from bot.answers.delivery import acknowledge, send_private
from bot.answers.details import with_receipt
from bot.answers.message_state import check_model, fetch_message, read_attached
from bot.answers.receipt import RECEIPT, read_receipt_of
from bot.errors import ModelLoading, NotYours, ReceiptUnusable, UsageError
from bot.features.guess.embed import MOST_GUESSERS, open_answer, reveal_picture, revealed_answer, taken_embed
from bot.features.guess.record import GUESS, GuessRound, Reveal, SealedGuess, read_round, reveal_state
from bot.features.guess.sealing import seal_key, sealed, unsealed
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RunInfo
from bot.questions.tokens import Token, TokenProbability
from bot.questions.topk import GuessQuestion, RevealQuestion, ScoredGuesses, TopKQuestion, Walk
from bot.rendering.pictures.picture import Picture

MODELS_GUESSES = 5
OVER = "This round is over: its guesses have been revealed. Open another with /guess."
FULL = f"{MOST_GUESSERS} people have guessed, the most in one round. Wait for the reveal, or open another with /guess."
_LABELS = {"guess": "Guess", "reveal": "Reveal", "next": "Next round"}
_ONE_TOKEN = GenerationParameters.from_options(max_new_tokens=1)


async def open_round(interaction: Interaction, prompt: str, *, private: bool) -> None:
    """Answer with a round that begins after `prompt`."""
    opener = interaction.user.id

    def render(result: Walk, run: RunInfo) -> Answer:
        favourite = result.candidates[0].candidate.probability
        return _playable(GuessRound(prompt, opener, secrets.token_hex(8), favourite), run)

    await answer(interaction, TopKQuestion(prompt, 1), render, private=private)


class RoundButton(PersistentButton, template=r"guess:(?P<action>guess|reveal|next):(?P<opener>\d+)"):
    """*Guess*, which is for everyone, and *Reveal* and *Next round*, for who opened the round and for moderators."""

    def __init__(self, action: str, opener: int) -> None:
        style = discord.ButtonStyle.primary if action == "guess" else discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=_LABELS[action], custom_id=f"guess:{action}:{opener}", style=style))
        self._action, self._opener = action, opener

    @classmethod
    def of(cls, match: re.Match[str]) -> "RoundButton":
        """Return the button that was pressed."""
        return cls(match["action"], int(match["opener"]))

    async def press(self, interaction: Interaction) -> None:
        """Open the form, reveal the guesses, or go on in a new message."""
        if self._action == "guess":
            await acknowledge(interaction, interaction.response.send_modal(GuessForm()))
            return
        if interaction.user.id != self._opener and not interaction.permissions.manage_messages:
            raise NotYours(f"“{_LABELS[self._action]}” is for who opened this round, and for moderators.")
        if self._action == "reveal":
            await _reveal(interaction)
        else:
            await _go_on(interaction)


class GuessForm(Form, title="What comes next?"):
    """Takes a guess."""

    guess: discord.ui.TextInput["GuessForm"] = discord.ui.TextInput(
        custom_id="guess",
        label="Your guess",
        placeholder="A word, or what else you expect next",
        max_length=100,
    )

    async def submit(self, interaction: Interaction) -> None:
        """Take the guess and show that there is one."""
        if await acknowledge(interaction, interaction.response.defer()):
            await _take(interaction, self.guess.value)


async def _take(interaction: Interaction, guess: str) -> None:
    user = interaction.user
    token: Token | None = None
    async with _turn_of(interaction):
        asked = await _round_now(interaction)
        earlier = asked.guess_of(user.id)
        if earlier is None and len(asked.guesses) >= MOST_GUESSERS:
            raise UsageError(FULL)
        key = seal_key(interaction.client.settings)

        def render(result: TokenProbability, run: RunInfo) -> Answer:
            nonlocal token
            token = result.token
            seal = sealed(key, asked.nonce, user.id, token.id)
            return _playable(asked.with_guess(SealedGuess(user.id, user.display_name, seal)), run)

        question = GuessQuestion(asked.prompt, guess.strip())
        # Private, so that a guess that comes too late for Discord is not posted as a message of its own.
        is_shown = await answer(interaction, question, render, private=True)
    if not is_shown or token is None:
        raise UsageError("Discord did not take your guess. Guess again.")
    await send_private(interaction, taken_embed(token, replaced=earlier is not None))


async def _reveal(interaction: Interaction) -> None:
    if not await acknowledge(interaction, interaction.response.defer()):
        return
    executor = interaction.client.executor
    async with _turn_of(interaction):
        asked = await _round_now(interaction)
        info = executor.status.model
        if info is None:
            raise ModelLoading(executor.status.name)
        key = seal_key(interaction.client.settings)
        ids = await asyncio.to_thread(unsealed, key, asked, info.vocab_size)

        top = TopKQuestion(asked.prompt, MODELS_GUESSES)

        def render(result: ScoredGuesses, run: RunInfo) -> Answer:
            reveal = _reveal_of(asked, result)
            view = view_of(RoundButton("next", asked.opener))
            shown = replace(revealed_answer(asked, reveal, run), view=view)
            return with_receipt(shown, top, result.walk, run, reveal_state(reveal))

        def draw(result: ScoredGuesses) -> Picture:
            return reveal_picture(_reveal_of(asked, result))

        if not await answer(interaction, RevealQuestion(top, tuple(ids)), render, private=True, draw=draw):
            raise UsageError("Discord did not take the reveal. Press again.")


async def _go_on(interaction: Interaction) -> None:
    """Open a round after the prompt and the model's favourite, in a new message."""
    message, executor = interaction.message, interaction.client.executor
    assert message is not None  # noqa: S101  # a button is below one
    private = message.flags.ephemeral
    if not await defer(interaction, private=private):
        return
    asked, receipt = await read_attached(message, RECEIPT, partial(read_receipt_of, TopKQuestion))
    check_model(receipt.model, executor.status.model)

    favourite = (await executor.submit(interaction.user.id, ContinuationQuestion(asked.prompt, _ONE_TOKEN))).result
    if favourite.finish_reason == "stop":
        raise UsageError("The model ends this text here: nothing comes next. Open another round with /guess.")
    if not favourite.text or favourite.text.endswith("\ufffd"):
        raise UsageError("The favourite is a part of a character, which no text can end in. Open another /guess.")
    await open_round(interaction, asked.prompt + favourite.text, private=private)


def _reveal_of(asked: GuessRound, scored: ScoredGuesses) -> Reveal:
    return Reveal.of(asked, scored.guesses, scored.walk.next_tokens)


def _playable(asked: GuessRound, run: RunInfo) -> Answer:
    view = discord.ui.View(timeout=None)
    for action in ("guess", "reveal"):
        view.add_item(RoundButton(action, asked.opener))
    return replace(open_answer(asked, run), view=view)


async def _round_now(interaction: Interaction) -> GuessRound:
    """Return the round as its message holds it now. Raises ReceiptUnusable, also where it is over."""
    message = await fetch_message(interaction)
    if any(file.filename == RECEIPT for file in message.attachments):  # which comes with the reveal
        raise ReceiptUnusable(OVER)
    asked, written_by = await read_attached(message, GUESS, read_round)
    check_model(written_by, interaction.client.executor.status.model)
    return asked


def _turn_of(interaction: Interaction) -> asyncio.Lock:
    """Return the lock of the round's message: one change after another, so that no guess is lost."""
    message = interaction.message
    assert message is not None  # noqa: S101  # a button is below one, and a form below the button
    return interaction.client.turns.lock(message.id)
