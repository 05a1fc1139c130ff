"""`/review audit`: labels for messages that a question didn't flag, one at a time, without a score."""

import re
from collections.abc import Callable
from typing import Any

import discord
import pytest
import simcord

from bot.engine.model import EngineModel
from bot.settings import Settings
from bot.storage.question_records import LabelledCase
from tests.features.review.conftest import ReviewPlace, description, restart
from tests.features.review.labelling import offers, post, probability_of

COUNT = 30
Posted = list[tuple[simcord.MemberActor, discord.Message]]


@pytest.fixture(autouse=True)
def _model(answering: Callable[..., None]) -> None:
    answering(probability_of)


@pytest.fixture
async def posted(place: ReviewPlace) -> Posted:
    """Ask the question spam about 30 messages in shadow; return their authors and the messages."""
    await place.watch(notice=False)
    await place.define()
    await place.ask(threshold=0.6)
    return await post(place, list(offers(COUNT)))


async def start(place: ReviewPlace, person: Any = None) -> Any:
    who = person or place.moderator
    return await who.slash(place.channel, "review audit", channel=place.channel, question="spam")


def shown_id(message: Any) -> int:
    """Return the message that a card of an audit links to."""
    link = re.search(r"/channels/\d+/\d+/(\d+)", message.embeds[0].description)
    assert link is not None
    return int(link[1])


def progress(message: Any) -> str:
    return str(message.embeds[0].footer.text).partition(".")[0]


async def labels(place: ReviewPlace) -> dict[int, LabelledCase]:
    question = await place.question()
    cases = await place.store.measurements.labelled_cases(question.id, [" yes", " no"])
    return {case.message_id: case for case in cases}


async def press(place: ReviewPlace, message: Any, label: str, person: Any = None) -> Any:
    """Press a button of an audit, and return its message as it is then."""
    return (await (person or place.moderator).click(message, label=label)).response


async def test_an_audit_records_labels_and_goes_on_after_a_restart(
    place: ReviewPlace, posted: Posted, demo_model: EngineModel, settings: Settings
) -> None:
    texts = {message.id: message.content for _, message in posted}
    is_offer = offers(COUNT)
    shown = (await start(place)).response
    assert shown.ephemeral
    assert progress(shown) == "0 of 60 labelled, 0 of them “yes”"
    given: dict[int, str] = {}
    bot = None
    for number in range(COUNT):
        message_id = shown_id(shown)
        assert message_id not in given, "each message is shown until it is labelled, and then no more"
        text = texts[message_id]
        assert text in description_of(shown)
        assert "P(yes)" not in str(shown.embeds[0].to_dict()), "the score is not shown"
        given[message_id] = "yes" if is_offer[text] else "no"
        if number == COUNT // 2:
            bot = await restart(place, demo_model, settings)
        shown = await press(place, shown, given[message_id])
        assert len(await labels(place)) == number + 1
    assert shown.embeds[0].title == "Nothing to audit"
    assert shown.components == []
    stored = await labels(place)
    assert {message_id: (case.label or "").strip() for message_id, case in stored.items()} == given
    authors = {message.id: author.id for author, message in posted}
    assert {message_id: case.author_id for message_id, case in stored.items()} == authors
    hashes = {message_id: await place.store.messages.content_hash(message_id) for message_id in stored}
    assert {message_id: case.content_hash for message_id, case in stored.items()} == hashes
    in_order = sorted(stored.values(), key=lambda case: case.drawn)
    assert {case.weight for case in in_order[:10]} == {1.0}, "the first draws are even"
    assert bot is not None
    await bot.close()


async def test_skip_shows_another_message_and_stop_ends_it(place: ReviewPlace, posted: Posted) -> None:
    shown = (await start(place)).response
    first = shown_id(shown)
    shown = await press(place, shown, "Skip")
    assert shown_id(shown) != first
    assert progress(shown) == "0 of 60 labelled, 0 of them “yes”"
    shown = await press(place, shown, "no")
    assert progress(shown) == "1 of 60 labelled, 0 of them “yes”"
    shown = await press(place, shown, "Stop")
    assert shown.embeds[0].title == "Audit stopped"
    assert "needs about 45 cases, 12 of them to be flagged" in description_of(shown)
    assert shown.components == []


async def test_a_message_that_is_gone_is_counted_and_the_next_is_shown(
    place: ReviewPlace, posted: Posted, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:  # the bot doesn't notice what happens to them
        patched.setattr(type(place.reader), "_delete_messages", ignore)
        patched.setattr(place.reader.intake, "take", ignore)
        for author, message in posted[:20]:
            await author.delete(message)
        for author, edited in posted[20:-1]:
            await author.edit(edited, "Something else.")
        place.reader.audits._random.seed(1)  # or now and then the one readable message is the first that is drawn
        shown = (await start(place)).response
        while not (shown.components and shown_id(shown) == posted[-1][1].id):
            assert shown.components or "None of 25 drawn messages" in description_of(shown)
            shown = (await start(place)).response
    assert re.search(r"Left out just now: (\d+ gone|\d+ edited since)", description_of(shown))
    await press(place, shown, "no")
    assert set(await labels(place)) == {posted[-1][1].id}


async def test_a_label_is_for_the_content_that_was_shown(place: ReviewPlace, posted: Posted) -> None:
    shown = (await start(place)).response
    author, message = next((author, message) for author, message in posted if message.id == shown_id(shown))
    await author.edit(message, "I was wrong, at 0.10.")
    after = await press(place, shown, "yes")
    assert "was edited meanwhile" in description_of(after)
    author, message = next((author, message) for author, message in posted if message.id == shown_id(after))
    await author.delete(message)
    last = await press(place, after, "yes")
    assert "was deleted meanwhile" in description_of(last)
    assert await labels(place) == {}


async def test_a_label_is_that_of_the_version_which_was_shown(place: ReviewPlace, posted: Posted) -> None:
    shown = (await start(place)).response
    message_id = shown_id(shown)
    form = await place.moderator.slash(place.channel, "review question change", name="spam")
    turned = {"question": "Message: {text}\nHarmless:", "labels": "no\nyes\nperhaps", "examples": ""}
    await place.moderator.submit_modal(form, turned)
    await press(place, shown, "yes")  # the first button, which is "no" in the new version
    question = await place.question()
    [case] = await place.store.measurements.labelled_cases(question.id, [" no", " yes", " perhaps"])
    assert (case.message_id, case.label) == (message_id, " yes")


async def test_flagged_messages_are_not_shown_and_their_decisions_count(place: ReviewPlace, posted: Posted) -> None:
    await place.measure()
    await place.moderator.slash(place.channel, "review live", channel=place.channel, question="spam")
    for number in range(3):
        await place.member.send(place.channel, f"BUY {number}, at 0.95.")
    cases = [card for card in place.cards if "spam" in str(card.embeds[0].title)]
    assert len(cases) == 3
    await place.moderator.click(cases[0], label="Confirm")
    await place.moderator.click(cases[1], label="Dismiss")
    shown = (await start(place)).response
    assert progress(shown) == "2 of 60 labelled, 1 of them “yes”"
    unflagged = await place.store.measurements.unflagged((await place.question()).id)
    assert {score.message_id for score in unflagged} == {message.id for _, message in posted}


async def test_where_few_should_be_flagged_it_draws_some_by_score_and_says_so(
    place: ReviewPlace, answering: Callable[..., None]
) -> None:
    """40 harmless messages, of which four have a high score: these are drawn far more often than four in forty."""
    answering(probability_of)
    await place.watch(notice=False)
    await place.define()
    await place.ask()
    await post(place, [f"Hello {number}, at {0.9 if number % 10 == 0 else 0.1}." for number in range(40)])
    shown = (await start(place)).response
    for _ in range(10):
        assert "half of these are drawn" not in description_of(shown)
        shown = await press(place, shown, "no")
    assert "half of these are drawn from the tenth with the highest scores" in description_of(shown)
    for _ in range(10):
        shown = await press(place, shown, "no")
    weights = [case.weight for case in sorted((await labels(place)).values(), key=lambda case: case.drawn)]
    assert weights[:10] == [1.0] * 10
    assert all(weight == pytest.approx(2.0, rel=1e-5) or weight < 0.5 for weight in weights[10:])


async def test_only_moderators_of_the_place_can_audit(place: ReviewPlace, posted: Posted) -> None:
    away = place.guild.create_role("away")
    elsewhere = place.guild.add_member(place.env.create_user("elsa"), roles=[away, place.guild.roles["moderators"]])
    shown = (await start(place, elsewhere)).response
    channel: Any = await place.env.bot.fetch_channel(place.channel.id)
    role = channel.guild.get_role(away.id)
    await channel.set_permissions(role, view_channel=True, manage_messages=False)
    options = {"channel": place.channel, "question": "spam"}
    refused = await elsewhere.slash(place.elsewhere, "review audit", **options)
    assert "You need View Channel and Manage Messages" in description(refused)
    refused = await elsewhere.click(shown, label="yes")
    assert "You need View Channel and Manage Messages" in refused.response.embeds[0].description
    assert await labels(place) == {}


async def test_an_audit_of_a_removed_question_says_so(place: ReviewPlace, posted: Posted) -> None:
    shown = (await start(place)).response
    await place.moderator.slash(place.channel, "review unwatch", channel=place.channel, question="spam")
    refused = await place.moderator.click(shown, label="yes")
    assert "no longer asked" in refused.response.embeds[0].description
    assert "doesn't ask a question with that name" in description(await start(place))


def description_of(message: Any) -> str:
    return str(message.embeds[0].description)


async def ignore(*_: Any, **__: Any) -> None:
    """Do nothing."""
