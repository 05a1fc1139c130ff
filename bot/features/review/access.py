"""How commands and persistent buttons reach the review channels of the running bot."""

from typing import Protocol, runtime_checkable

import discord
from discord.ext import commands

from bot.errors import NotPermitted
from bot.storage.records import Case


class Triage(Protocol):
    """What moderators do with cases."""

    async def case(self, case_id: int) -> Case | None:
        """Return a case, None if it is deleted."""
        ...

    async def act(self, action: str, case_id: int, user_id: int) -> str | None:
        """Claim, release, confirm or dismiss a case; return the reason if that was not possible."""
        ...

    async def note(self, case_id: int, user_id: int, text: str) -> None:
        """Add a note to a case."""
        ...

    async def show_card(self, case: Case) -> None:
        """Post the card of a case that has none."""
        ...


class Backfills(Protocol):
    """The backfills that are running."""

    async def stop(self, place_id: int) -> int:
        """Stop the backfill of a place, and return how many of its messages were deleted unscored."""
        ...


class Reviews(Protocol):
    """What the buttons need of the reader: it has the buttons, so they cannot import it."""

    @property
    def triage(self) -> Triage:
        """The moderators' actions."""
        ...

    @property
    def backfills(self) -> Backfills:
        """The backfills that are running."""
        ...

    async def retry_for(self, member: discord.Member) -> int:
        """Retry what failed in the places that `member` may moderate; return how many messages that are."""
        ...


@runtime_checkable
class HasReviews(Protocol):
    """A client with review channels: None where they are switched off."""

    reviews: Reviews | None


class ReviewCog(commands.Cog):
    """A cog that needs the message content intent."""


def find_reviews(client: discord.Client) -> Reviews | None:
    """Return the review channels of a client, None where they are switched off."""
    return client.reviews if isinstance(client, HasReviews) else None


def reviews_of(client: discord.Client) -> Reviews:
    """Return the review channels of a client. Raises NotPermitted where they are switched off."""
    reviews = find_reviews(client)
    if reviews is None:
        raise NotPermitted("Review channels are switched off. Whoever runs the bot can turn them on with BOT_REVIEWS.")
    return reviews
