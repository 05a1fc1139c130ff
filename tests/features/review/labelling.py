"""A channel with messages by many authors, and what people would say about them."""

from collections.abc import Callable, Sequence
from typing import Any

import discord
import simcord

from tests.features.review.conftest import ReviewPlace

MARGINS = (0.97, 0.9, 0.72, 0.55, 0.31, 0.2, 0.12, 0.04)


def offers(count: int) -> dict[str, bool]:
    """Return different texts, and whether each is an offer. The model of `probability_of` finds most offers."""
    texts: dict[str, bool] = {}
    for number in range(count):
        is_offer = number % 3 == 0
        claim = "BUY a watch" if is_offer else "I watched a film"
        # Some offers look harmless, and some other messages look like offers.
        looks = MARGINS[number % 4] if is_offer != (number % 10 == 9) else MARGINS[4 + number % 4]
        texts[f"{claim}, number {number}, at {looks:.2f}."] = is_offer
    return texts


def probability_of(text: str) -> float:
    """Return the probability that the texts above end with: what the model answers."""
    return float(text.rpartition(" at ")[2].rstrip("."))


async def post(
    place: ReviewPlace, texts: Sequence[str], authors: int = 13
) -> list[tuple[simcord.MemberActor, discord.Message]]:
    """Post texts by several authors in turn, and return each author with the message."""
    members = [
        place.guild.add_member(place.env.create_user(f"author{number}")) for number in range(min(authors, len(texts)))
    ]
    writers = [members[number % len(members)] for number in range(len(texts))]
    return [(writer, await writer.send(place.channel, text)) for writer, text in zip(writers, texts, strict=True)]


async def label_all(
    place: ReviewPlace, is_offer: Callable[[str], bool], name: str = "spam", weights: Sequence[float] = (1.0,)
) -> None:
    """Label every message that the question scored, as an audit does."""
    question = await place.question(name)
    texts = {message.id: message.content for message in place.channel.history()}
    for number, score in enumerate(await place.store.measurements.unflagged(question.id)):
        label = " yes" if is_offer(texts[score.message_id]) else " no"
        await place.store.measurements.label(
            question.id, score.message_id, score.content_hash, label, user_id=place.moderator.id,
            weight=weights[number % len(weights)],
        )  # fmt: skip


def fields_of(result: Any) -> dict[str, str]:
    return {field.name: field.value for field in result.response.embeds[0].fields}
