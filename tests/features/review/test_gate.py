"""Nothing passes the gate: no command, button, form, restart, setting or import makes an unmeasured question alert."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from discord import app_commands

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.features.review.cases import opening
from bot.features.review.reader import BUTTONS
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.review.conftest import GOOD, ReviewPlace, description, restart

OFFER = "BUY now, a unique offer!"
SOURCES = Path(opening.__file__).parents[4] / "bot"


def offers(text: str) -> float:
    return 0.9 if "BUY" in text else 0.1


@pytest.fixture(autouse=True)
def _offers(answering: Callable[..., None]) -> None:
    answering(offers)


async def flags(place: ReviewPlace) -> bool:
    """Post an offer, and return whether it got a card of the question spam."""
    before = len(spam_cards(place))
    await place.member.send(place.channel, OFFER)
    await place.env.advance_time(60)
    return len(spam_cards(place)) > before


def spam_cards(place: ReviewPlace) -> list[str]:
    titles = [str(card.embeds[0].title) for card in place.cards]
    return [title for title in titles if "spam" in title]


async def press_everything(place: ReviewPlace) -> None:
    """Press every button that the bot has posted for moderators."""
    for message in place.log.history():
        for label in labels_below(message):
            await place.moderator.click(message, label=label)


def labels_below(message: Any) -> list[str]:
    """Return the labels of the buttons below a message or a private answer."""
    labels = []
    for row in message.components:
        buttons = row["components"] if isinstance(row, dict) else getattr(row, "children", ())
        for button in buttons:
            label = button.get("label") if isinstance(button, dict) else getattr(button, "label", None)
            labels += [label] if label else []
    return labels


async def use(place: ReviewPlace, command: str, options: dict[str, Any]) -> None:
    """Use a command once, and once more for each button of its answer, to press it."""
    pressed = 0
    while True:
        result = await place.moderator.slash(place.channel, command, **options)
        if command in ("review question define", "review question change") and result.response is None:
            texts = {"question": "Message: {text}\nSpam:", "labels": "yes\nno", "examples": ""}
            await place.moderator.submit_modal(result, texts)
        labels = [] if result.response is None else labels_below(result.response)
        if pressed >= len(labels):
            return
        await place.moderator.click(result.response, label=labels[pressed])
        pressed += 1


def commands_of(place: ReviewPlace) -> set[str]:
    tree = place.env.bot.tree  # type: ignore[attr-defined]  # the bot is ours
    groups = ("review", "question", "privacy")
    every = [command for command in tree.walk_commands() if isinstance(command, app_commands.Command)]
    return {command.qualified_name for command in every if command.qualified_name.split()[0] in groups}


def every_use(place: ReviewPlace) -> dict[str, list[dict[str, Any]]]:
    """Return uses of every command of review channels, with all the options that could matter to the gate."""
    channel, log = {"channel": place.channel}, {"log_channel": place.log}
    question = {**channel, "question": "spam"}
    return {
        "review watch": [
            {**channel, "flag_below": 0.01, **log, "label": "react"},
            {**question, "threshold": 0.0, "direction": "above", "flag_label": "yes", **log},
            {**question, "threshold": 1.0, "direction": "below", "flag_label": "no"},
            {**question, "calibration": "contextual"},
            {**question, "threshold": 0.8, "direction": "above", "flag_label": "yes", "calibration": "none"},
        ],
        "review live": [{**channel}, {**channel, "on": False}, {**channel, "on": True}, question],
        "review unwatch": [],  # deletes the question; it has a test of its own
        "review audit": [question],
        "review measure": [
            question,
            {**question, "against": "spam", "threshold": "choose", "calibration": "batch"},
            {**question, "threshold": "keep", "calibration": "contextual"},
        ],
        "review status": [{}],
        "review preview": [{**channel, "flag_below": 1.0}],
        "review stats": [channel],
        "review case": [{"number": 1}],
        "review backfill": [{**channel, "limit": 10}],
        "review export": [channel],
        "review exempt": [{"who": place.second}, {"who": place.second, "remove": True}],
        "review question define": [{"name": "other", "preset": "spam"}],
        "review question change": [{"name": "spam"}, {"name": "spam", "preset": "spam"}],
        "review question show": [{"name": "spam"}],
        "review question list": [{}],
        "review question delete": [],  # as for unwatch
        "question": [{"name": "spam"}],
        "privacy info": [{}],
        "privacy export": [{}],
        "privacy delete": [{}],
        "privacy optout": [{}],
        "privacy optin": [{}],
    }


async def test_every_command_of_review_channels_is_tried_below(place: ReviewPlace) -> None:
    assert commands_of(place) == set(every_use(place)), "a new command must be tried in this test as well"


def test_every_button_of_review_channels_is_tried_below() -> None:
    names = {button.__name__ for button in BUTTONS}
    known = {"CaseButton", "DigestMenu", "BackfillStop", "RetryButton", "BackButton", "AuditButton", "ConfirmButton"}
    assert names == known, "try a new one below"


async def use_everything(place: ReviewPlace) -> None:
    for command, uses in every_use(place).items():
        for options in uses:
            await use(place, command, options)
        await press_everything(place)


async def test_no_command_or_button_makes_an_unmeasured_question_alert(place: ReviewPlace) -> None:
    await place.watch(notice=False)
    await place.define()
    await place.ask()
    assert not await flags(place)
    await use_everything(place)
    await place.member.slash(place.channel, "privacy optin")
    assert not await flags(place)
    assert spam_cards(place) == []


@pytest.mark.parametrize("how", ["too few held out", "too few with the label", "not confirmed"])
async def test_no_command_or_button_makes_a_poor_measurement_enough(place: ReviewPlace, how: str) -> None:
    await place.watch(notice=False)
    await place.define()
    await place.ask()
    given: dict[str, dict[str, Any]] = {
        "too few held out": {"held_out": 29},
        "too few with the label": {"flagging": 7},
        "not confirmed": {"confirmed": False},
    }
    await place.measure(**given[how])
    # Even if the stored flag said that it is live.
    await place.store.place_questions.set_live((await place.question()).id, True)
    assert not await flags(place)
    await use_everything(place)
    assert not await flags(place)


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.7},
        {"direction": "below", "threshold": 0.95},
        {"flag_label": "no", "threshold": 0.05},
        {"calibration": "contextual"},
    ],
)
async def test_a_changed_rule_is_in_shadow_until_it_is_measured_or_changed_back(
    place: ReviewPlace, options: dict[str, Any]
) -> None:
    await place.go_live_with()
    assert await flags(place)
    await place.watch(question="spam", **options)
    assert not await flags(place)
    notices = [message for message in place.log.history() if "shadow" in str(message.embeds[0].title)]
    assert len(notices) == 1, "the log channel is told once"
    assert "its question, rule or model has changed since it was measured" in str(notices[0].embeds[0].description)
    restored = await place.moderator.click(notices[0], label="Back to the previous one")
    assert "Version 1 of **spam** is in force again" in restored.followups[0].content
    assert await flags(place)


async def test_a_changed_question_is_in_shadow_and_goes_back_with_its_confirmation(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.go_live_with()
    form = await place.moderator.slash(place.channel, "review question change", name="spam")
    await place.moderator.submit_modal(
        form, {"question": "Message: {text}\nIs it spam?", "labels": "yes\nno", "examples": "yes: Buy!\nno: Hello."}
    )
    assert not await flags(place)
    assert not await flags(place)
    [notice] = [message for message in place.log.history() if "shadow" in str(message.embeds[0].title)]
    assert notice.embeds[0].title == "spam is in shadow again"
    bot = await restart(place, demo_model, settings)
    await place.moderator.click(notice, label="Back to the previous one")
    assert (await place.question()).version == 1
    assert await flags(place)
    await bot.close()


async def test_a_withdrawn_case_of_a_question_in_shadow_is_not_reopened(place: ReviewPlace) -> None:
    await place.go_live_with()
    message = await place.member.send(place.channel, OFFER)
    await place.member.edit(message, GOOD)
    await place.watch(question="spam", threshold=0.7)
    await place.member.edit(message, OFFER)
    assert place.cards[0].embeds[0].title == "Case 1 · spam · flagged · withdrawn"


async def test_a_label_in_use_can_t_be_removed_from_its_question(place: ReviewPlace) -> None:
    await place.go_live_with()
    form = await place.moderator.slash(place.channel, "review question change", name="spam")
    refused = await place.moderator.submit_modal(
        form, {"question": "Message: {text}\nKind:", "labels": "advertising\nother", "examples": ""}
    )
    assert "Keep that label" in description(refused)
    assert (await place.question()).version == 1


CHANGES: dict[str, dict[str, Any]] = {
    "name": {"name": "org/another"},
    "revision": {"revision": "another"},
    "dtype": {"dtype": "bfloat16"},
    "engine": {"engine": "vllm"},
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_restart_with_another_model_is_in_shadow_and_told_once(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    await place.go_live_with()
    await place.member.send(place.channel, OFFER)
    info = dataclasses.replace(demo_model.info, **CHANGES[change])
    monkeypatch.setattr(type(demo_model), "info", property(lambda _: info))
    bot = await restart(place, demo_model, settings)
    assert not await flags(place)
    await place.env.advance_time(120)
    [notice] = [message for message in place.log.history() if "shadow" in str(message.embeds[0].title)]
    assert notice.components == [], "there is nothing to go back to"
    status = description(await place.moderator.slash(place.channel, "review status"))
    assert "its question, rule or model has changed since it was measured" in status
    monkeypatch.undo()
    await bot.close()


async def test_a_restart_with_the_same_model_goes_on(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.go_live_with()
    bot = await restart(place, demo_model, settings)
    assert await flags(place)
    await bot.close()


async def test_an_answer_of_an_earlier_model_that_was_not_shown_yet_alerts_nobody(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await place.go_live_with()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(place.reader.publisher, "wake", lambda: None)
        await place.member.send(place.channel, OFFER)
    info = dataclasses.replace(demo_model.info, dtype="bfloat16")
    with monkeypatch.context() as patched:
        patched.setattr(type(demo_model), "info", property(lambda _: info))
        bot = Nightword(settings, make_executor(lambda: demo_model, settings))
        bot.executor.start()
        bot.executor.wait_until_loaded()
        await place.env.restart_bot(bot)
        await place.measure()
        await place.env.advance_time(60)
        assert place.cards == [], "what the earlier model answered was not measured with this one"
    await bot.close()


# Every setting: those that change the fingerprint are tried in CHANGES above, and the next ones here, all at once.
FINGERPRINTED = {"model", "model_revision", "dtype", "engine"}
CHANGED: dict[str, Any] = {
    "batch_size": 2,
    "queue_limit": 4,
    "user_limit": 1,
    "request_timeout": 30.0,
    "max_new_tokens": 16,
    "max_prompt_tokens": 512,
    "log_level": "DEBUG",
    "log_json": True,
    "threads": 1,
    "device": "cpu",
}
# Where the bot connects, and what it writes for its operator: no question's answer depends on these.
CONNECTIONS = {
    "discord_token", "hf_token", "guild_ids", "shard_count", "shard_ids", "discord_proxy_url", "vllm_url",
    "vllm_api_key", "reviews", "database_url", "heartbeat_file", "http_port", "http_host",
}  # fmt: skip


def test_every_setting_is_tried() -> None:
    assert set(Settings.model_fields) == FINGERPRINTED | set(CHANGED) | CONNECTIONS, "try a new setting here"


async def test_no_change_of_settings_makes_an_unmeasured_question_alert(
    place: ReviewPlace, demo_model: EngineModel, settings: Settings
) -> None:
    await place.watch(notice=False)
    await place.define()
    await place.ask()
    await place.store.place_questions.set_live((await place.question()).id, True)
    assert not await flags(place)
    bot = await restart(place, demo_model, settings.model_copy(update=CHANGED))
    assert not await flags(place)
    await bot.close()
    again = await restart(place, demo_model, settings)
    assert not await flags(place)
    await place.measure()
    assert await flags(place), "only the measurement was missing"
    await again.close()


def test_cases_are_opened_in_one_place() -> None:
    callers = {
        str(file.relative_to(SOURCES))
        for file in SOURCES.rglob("*.py")
        if any(call in file.read_text(encoding="utf-8") for call in ("cases.open(", "open_for_question("))
    }
    assert callers == {"features/review/cases/opening.py", "storage/cases.py"}
    inserting = {
        str(file.relative_to(SOURCES))
        for file in SOURCES.rglob("*.py")
        if "insert_into(session, ReviewCase)" in file.read_text(encoding="utf-8")
        or "insert(ReviewCase)" in file.read_text(encoding="utf-8")
    }
    assert inserting == {"storage/cases.py"}
