"""How commands and persistent buttons reach the review channels of the running bot."""

from collections.abc import Collection
from typing import Protocol, runtime_checkable

import discord
from discord.ext import commands

from bot.answers.answer import Answer
from bot.errors import NotPermitted
from bot.features.review.measuring.audit_card import AuditCard
from bot.storage.question_records import PlaceQuestion
from bot.storage.records import Case


class Triage(Protocol):
    """Moderators' actions on cases."""

    async def case(self, case_id: int) -> Case | None:
        """Return a case, None if it is deleted."""
        ...

    async def act(self, action: str, case_id: int, user_id: int) -> str | None:
        """Claim, release, confirm or dismiss a case; return the reason if that was not possible, else None."""
        ...

    async def note(self, case_id: int, user_id: int, text: str) -> None:
        """Add a note to a case."""
        ...

    async def show_card(self, case: Case) -> None:
        """Post the card of a case that has none."""
        ...


class Backfills(Protocol):
    """The running backfills."""

    async def stop(self, place_id: int) -> int:
        """Stop the backfill of a place, and return how many of its messages were deleted unscored."""
        ...


class Audits(Protocol):
    """The audits of questions."""

    async def next_card(
        self, question: PlaceQuestion, guild: discord.Guild, *, passed_over: Collection[int] = (), note: str = ""
    ) -> Answer:
        """Return the next message to label."""
        ...

    async def label(self, card: AuditCard, number: int, user_id: int) -> str:
        """Record the label with this number for a card's message; return why that is not possible, or ""."""
        ...

    async def stop(self, question: PlaceQuestion) -> Answer:
        """Return what an audit has so far."""
        ...


class Reviews(Protocol):
    """What buttons need from the reader. It imports the buttons, so they can't import it."""

    @property
    def triage(self) -> Triage:
        """The moderators' actions."""
        ...

    @property
    def backfills(self) -> Backfills:
        """The running backfills."""
        ...

    @property
    def audits(self) -> Audits:
        """The audits of questions."""
        ...

    async def measured_question(self, measurement_id: int) -> PlaceQuestion | None:
        """Return the question of a measurement, None if either is deleted."""
        ...

    async def confirm_measurement(self, measurement_id: int, user_id: int) -> str:
        """Confirm a measurement, and say what follows."""
        ...

    async def place_question(self, question_id: int) -> PlaceQuestion | None:
        """Return a question of a place, None if it is removed."""
        ...

    async def restore_question(self, question_id: int, user_id: int) -> str | None:
        """Put the version and rule of a place's question in force that held before; return what is in force now."""
        ...

    async def retry_for(self, member: discord.Member) -> int:
        """Retry failed messages in the places that `member` moderates; return how many there are."""
        ...


@runtime_checkable
class HasReviews(Protocol):
    """A client with an attribute for review channels, which is None if they are switched off."""

    reviews: Reviews | None


class ReviewCog(commands.Cog):
    """A cog that needs the message content intent."""


def find_reviews(client: discord.Client) -> Reviews | None:
    """Return the review channels of a client, None if they are switched off."""
    return client.reviews if isinstance(client, HasReviews) else None


def reviews_of(client: discord.Client) -> Reviews:
    """Return the review channels of a client. Raises NotPermitted if they are switched off."""
    reviews = find_reviews(client)
    if reviews is None:
        raise NotPermitted("Review channels are switched off. The bot's operator can turn them on with BOT_REVIEWS.")
    return reviews
