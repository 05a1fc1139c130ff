"""Review channels from the first message to the last: the counts add up, and each message counts exactly once."""

import csv
import io
from typing import Any

import discord
import pytest

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.features.review.embeds.card import REACTIONS
from bot.questions.sentiment import SentimentQuestion
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.review.conftest import ReviewPlace, description, reviews

IN_SHADOW, LIVE = 200, 100
FLAG_BELOW = 0.3


@pytest.mark.slow
async def test_from_shadow_to_the_last_decision(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    texts = reviews(IN_SHADOW + LIVE)
    judged = {text: demo_model.answer(SentimentQuestion(text)) for text in texts}
    below = {text for text, verdict in judged.items() if verdict.positive_probability < FLAG_BELOW}
    options: dict[str, Any] = {"flag_below": FLAG_BELOW, "urgent_below": 0.0, "log_channel": place.log}
    await place.watch(label="react", notice=False, **options)

    # In shadow: 200 reviews of two people, one of whom opts out at the end.
    posted: dict[int, str] = {}
    for number, text in enumerate(texts[:IN_SHADOW]):
        message = await (place.member, place.other)[number % 2].send(place.channel, text)
        posted[message.id] = text
    preview = await place.moderator.slash(place.channel, "review preview", channel=place.channel)
    flagged = sum(text in below for text in posted.values())
    assert f"**{flagged} of the last {IN_SHADOW}**" in description(preview)
    assert place.log.history() == []
    assert {tuple(message.reactions) for message in place.channel.history()} == {()}

    # Live: 100 more, with a restart of the bot in the middle.
    await place.moderator.slash(place.channel, "review live", channel=place.channel)
    live: dict[int, str] = {}
    for number, text in enumerate(texts[IN_SHADOW:]):
        if number == LIVE // 2:
            bot = Nightword(settings, make_executor(lambda: demo_model, settings))
            bot.executor.start()
            bot.executor.wait_until_loaded()
            await place.env.restart_bot(bot)
        message = await (place.member, place.other)[number % 2].send(place.channel, text)
        live[message.id] = text
    shown = {message.id: [str(reaction.emoji) for reaction in message.reactions] for message in place.channel.history()}
    labels = {True: REACTIONS["positive"], False: REACTIONS["negative"]}
    assert {id_: shown[id_] for id_ in live} == {
        id_: [labels[judged[t].label == "Positive"]] for id_, t in live.items()
    }
    assert all(shown[id_] == [] for id_ in posted)

    # Each flagged message is one case; those without a card within the minute are in digests.
    await place.env.advance_time(180)
    cases = [await place.store.cases.of_message(id_) for id_ in [*posted, *live]]
    by_message = {case.message_id: case for case in cases if case is not None}
    assert set(by_message) == {id_ for id_, text in live.items() if text in below}
    assert sorted(case.number for case in by_message.values()) == list(range(1, len(by_message) + 1))
    digests = [message for message in place.log.history() if "more messages flagged" in str(message.embeds[0].title)]
    in_digests = sum(int(str(digest.embeds[0].title).split()[0]) for digest in digests)
    assert len(place.cards) + in_digests == len(by_message)
    assert len(digests) >= 1

    # Moderators decide the cards; the digest's first case gets its card, and its message is edited and deleted.
    for number, card in enumerate(place.cards):
        await (place.moderator, place.second)[number % 2].click(card, label=("Confirm", "Dismiss")[number % 2])
    decided = len(place.cards)
    (menu,) = digests[0].components[0].children
    await place.moderator.select(digests[0], values=[menu.options[0].value])
    assert len(place.cards) == decided + 1
    case = await place.store.cases.get(int(menu.options[0].value))
    assert case is not None
    author = place.member if case.author_id == place.member.id else place.other
    message = next(message for message in place.channel.history() if message.id == case.message_id)
    await author.edit(message, "A wonderful film, and I loved every minute of it.")
    assert place.cards[-1].embeds[0].title == f"Case {case.number} · flagged · withdrawn"
    await author.delete(message)
    assert len(place.cards) == decided
    precision = f"{(decided + 1) // 2} of {decided} decided cases were confirmed"
    assert precision in description(await place.moderator.slash(place.channel, "review status"))

    # The export has the remaining messages, each once, with the model's own numbers.
    async def export() -> dict[int, float]:
        result = await place.moderator.slash(place.channel, "review export", channel=place.channel, format="csv")
        table = (await result.response.attachments[0].read()).decode()
        rows = list(csv.DictReader(io.StringIO(table)))
        ids = [int(row["message"].rpartition("/")[2]) for row in rows]
        assert len(set(ids)) == len(ids)
        return dict(zip(ids, (float(row["positive_probability"]) for row in rows), strict=True))

    everything = posted | live
    del everything[case.message_id]
    rows = await export()
    assert set(rows) == set(everything)
    assert all(abs(rows[id_] - judged[text].positive_probability) < 1e-5 for id_, text in everything.items())

    # The data and cards of a member who opts out are deleted; the precision stays.
    await place.other.slash(place.channel, "privacy optout")
    ours = {message.id for message in place.channel.history() if message.author.id == place.member.id}
    assert set(await export()) == ours & set(everything)
    assert {f"<@{place.other.id}>" in str(card.embeds[0].description) for card in place.cards} <= {False}
    assert precision in description(await place.moderator.slash(place.channel, "review status"))
    await place.other.send(place.channel, texts[0])
    assert set(await export()) == ours & set(everything)
    client: discord.Client = place.env.bot
    await client.close()
