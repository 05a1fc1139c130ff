"""The buttons and the form of a round below `/guess`. Their state is in the message."""

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
from bot.answers.message_state import check_model, custom_ids_of, fetch_message, read_state
from bot.errors import ModelLoading, NotYours, ReceiptUnusable, UsageError
from bot.features.guess.embed import MOST_GUESSERS, open_answer, reveal_picture, revealed_answer, saved_embed
from bot.features.guess.record import GUESS, GuessRound, Reveal, SealedGuess, read_round, reveal_state
from bot.features.guess.sealing import open_seals, seal_key, seal_token
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import RunInfo
from bot.questions.tokens import Token, TokenProbability
from bot.questions.topk import GuessQuestion, RevealQuestion, ScoredGuesses, TopKQuestion, Walk
from bot.receipts.receipt import read_receipt_of
from bot.rendering.pictures.picture import Picture

MODELS_GUESSES = 5
ROUND_OVER = "This round is over: its guesses have been revealed. Start another with /guess."
ROUND_FULL = f"This round is full ({MOST_GUESSERS} guesses). Wait for the reveal, or start another round with /guess."
_LABELS = {"guess": "Guess", "reveal": "Reveal", "next": "Next round"}
_ONE_TOKEN = GenerationParameters.from_options(max_new_tokens=1)


async def open_round(interaction: Interaction, prompt: str, *, private: bool) -> None:
    """Answer with a new round for `prompt`."""
    opener = interaction.user.id

    def render(result: Walk, run: RunInfo) -> Answer:
        favourite = result.candidates[0].candidate.probability
        return _with_buttons(GuessRound(prompt, opener, secrets.token_hex(8), favourite), run)

    await answer(interaction, TopKQuestion(prompt, 1), render, private=private)


class RoundButton(PersistentButton, template=r"guess:(?P<action>guess|reveal|next):(?P<opener>\d+)"):
    """*Guess*, for everyone, and *Reveal* and *Next round*, for the opener of the round and for moderators."""

    def __init__(self, action: str, opener: int) -> None:
        style = discord.ButtonStyle.primary if action == "guess" else discord.ButtonStyle.secondary
        super().__init__(discord.ui.Button(label=_LABELS[action], custom_id=f"guess:{action}:{opener}", style=style))
        self._action, self._opener = action, opener

    @classmethod
    def of(cls, match: re.Match[str]) -> "RoundButton":
        """Return the button."""
        return cls(match["action"], int(match["opener"]))

    async def press(self, interaction: Interaction) -> None:
        """Open the form, reveal the guesses, or start the next round."""
        if self._action == "guess":
            await acknowledge(interaction, interaction.response.send_modal(GuessForm()))
            return
        if interaction.user.id != self._opener and not interaction.permissions.manage_messages:
            raise NotYours(
                f"Only the person who started this round, or a moderator, can use “{_LABELS[self._action]}”."
            )
        if self._action == "reveal":
            await _reveal(interaction)
        else:
            await _start_next(interaction)


class GuessForm(Form, title="What comes next?"):
    """The form for a guess."""

    guess: discord.ui.TextInput["GuessForm"] = discord.ui.TextInput(
        custom_id="guess",
        label="Your guess",
        placeholder="A word, or whatever you expect next",
        max_length=100,
    )

    async def submit(self, interaction: Interaction) -> None:
        """Save the guess and add the person to the round."""
        if await acknowledge(interaction, interaction.response.defer()):
            await _save_guess(interaction, self.guess.value)


async def _save_guess(interaction: Interaction, guess: str) -> None:
    user = interaction.user
    token: Token | None = None
    async with _lock_of(interaction):
        guess_round = await _fetch_round(interaction)
        earlier = guess_round.guess_of(user.id)
        if earlier is None and len(guess_round.guesses) >= MOST_GUESSERS:
            raise UsageError(ROUND_FULL)
        key = seal_key(interaction.client.settings)

        def render(result: TokenProbability, run: RunInfo) -> Answer:
            nonlocal token
            token = result.token
            seal = seal_token(key, guess_round.nonce, user.id, token.id)
            return _with_buttons(guess_round.with_guess(SealedGuess(user.id, user.display_name, seal)), run)

        question = GuessQuestion(guess_round.prompt, guess.strip())
        # Private, so that a guess after 15 minutes is not posted as a separate message.
        is_shown = await answer(interaction, question, render, private=True)
    if not is_shown or token is None:
        raise UsageError("Discord didn't accept your guess. Guess again.")
    await send_private(interaction, saved_embed(token, is_replacement=earlier is not None))


async def _reveal(interaction: Interaction) -> None:
    if not await acknowledge(interaction, interaction.response.defer()):
        return
    executor = interaction.client.executor
    async with _lock_of(interaction):
        guess_round = await _fetch_round(interaction)
        info = executor.status.model
        if info is None:
            raise ModelLoading(executor.status.name)
        key = seal_key(interaction.client.settings)
        ids = await asyncio.to_thread(open_seals, key, guess_round, info.vocab_size)

        question = RevealQuestion(guess_round.prompt, MODELS_GUESSES, tuple(ids))

        def render(result: ScoredGuesses, run: RunInfo) -> Answer:
            reveal = _reveal_of(guess_round, result)
            view = view_of(RoundButton("next", guess_round.opener))
            shown = replace(revealed_answer(guess_round, reveal, run), view=view)
            return with_receipt(shown, question.top, result.top, run, reveal_state(reveal))

        def draw(result: ScoredGuesses) -> Picture:
            return reveal_picture(_reveal_of(guess_round, result))

        if not await answer(interaction, question, render, private=True, draw=draw):
            raise UsageError("Discord didn't accept the reveal. Press the button again.")


async def _start_next(interaction: Interaction) -> None:
    """Start a round in a new message. Its prompt is the old one plus the model's favourite."""
    message, executor = interaction.message, interaction.client.executor
    assert message is not None  # noqa: S101  # a button belongs to a message
    private = message.flags.ephemeral
    if not await defer(interaction, private=private):
        return
    question, receipt = await read_state(interaction, partial(read_receipt_of, TopKQuestion))
    check_model(receipt.model, executor.status.model)

    favourite = (await executor.submit(interaction.user.id, ContinuationQuestion(question.prompt, _ONE_TOKEN))).result
    if favourite.finish_reason == "stop":
        raise UsageError("The model ends the text here, so there is no next token. Start another round with /guess.")
    if not favourite.text or favourite.text.endswith("\ufffd"):
        raise UsageError(
            "The favourite is only part of a character, so the text can't end there. Start another round with /guess."
        )
    await open_round(interaction, question.prompt + favourite.text, private=private)


def _reveal_of(guess_round: GuessRound, scored: ScoredGuesses) -> Reveal:
    return Reveal.of(guess_round, scored.guesses, scored.top.next_tokens)


def _with_buttons(guess_round: GuessRound, run: RunInfo) -> Answer:
    view = discord.ui.View(timeout=None)
    for action in ("guess", "reveal"):
        view.add_item(RoundButton(action, guess_round.opener))
    return replace(open_answer(guess_round, run), view=view)


async def _fetch_round(interaction: Interaction) -> GuessRound:
    """Return the current state of the round. Raises ReceiptUnusable, also if the round is over."""
    message = await fetch_message(interaction)
    if any(custom_id.startswith("guess:next:") for custom_id in custom_ids_of(message)):  # added by the reveal
        raise ReceiptUnusable(ROUND_OVER)
    guess_round, written_by = await read_state(interaction, read_round, filename=GUESS, message=message)
    check_model(written_by, interaction.client.executor.status.model)
    return guess_round


def _lock_of(interaction: Interaction) -> asyncio.Lock:
    """Return the lock of the round's message. Without it, simultaneous guesses would overwrite each other."""
    message = interaction.message
    assert message is not None  # noqa: S101  # a button belongs to a message; so does its form
    return interaction.client.turns.lock(message.id)
