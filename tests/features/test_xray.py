"""`/xray`, the context menu *X-ray*, and the menu below their answers, as members meet them."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.xray import XrayQuestion
from bot.rendering.tables import percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.messages import remove_state, state_of
from tests.features.people import Place, embed_of

TEXT = "The old man looked at the banana and wept."


def options(message: Any) -> list[dict[str, Any]]:
    (menu,) = [part for row in message.components for part in row["components"] if "options" in part]
    return list(menu["options"])


async def test_the_figures_are_the_model_s_own(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "xray", text=TEXT)
    own = demo_model.answer(XrayQuestion(TEXT))
    embed = embed_of(result.response)
    assert embed["title"] == f"X-ray of {len(own.tokens)} tokens"
    assert embed["description"] == f"> {TEXT}"
    perplexity, bits, classes, surprising = [field["value"] for field in embed["fields"]]
    assert perplexity == f"{own.perplexity:#.3g}"
    assert bits == f"{own.bits_per_character:#.3g}"
    assert sum(int(part.split("**")[1]) for part in classes.split(" · ")) == len(own.likelihoods)
    most = own.most_surprising(5)
    assert [line.split()[0] for line in surprising.split("\n")[2:-1]] == [
        f"{own.tokens[position].likelihood.surprisal:.2f}"  # type: ignore[union-attr]  # they are predicted
        for position in most
    ]
    assert [option["value"] for option in options(result.response)] == [str(position) for position in most]
    receipt = await state_of(result.response)
    assert receipt["options"] == {"text": TEXT}


async def test_the_menu_shows_everyone_the_expected_tokens_also_after_a_restart(
    place: Place, demo_model: EngineModel, settings: Settings
) -> None:
    result = await place.member.slash(place.channel, "xray", text=TEXT)
    own = demo_model.answer(XrayQuestion(TEXT))
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    for option in options(result.response):
        shown = (await place.other.select(result.response, [option["value"]])).response
        assert shown.ephemeral
        entry = own.tokens[int(option["value"])]
        assert entry.likelihood is not None
        embed = embed_of(shown)
        for favourite in entry.favourites:
            assert percentage(favourite.probability) in embed["description"]
        assert f"rank **{entry.likelihood.rank:,}**" in embed["fields"][0]["value"]
        assert f"**{entry.likelihood.surprisal:.2f} bits**" in embed["fields"][0]["value"]
    assert len(place.channel.history(viewer=place.member)) == 1
    await bot.close()


@pytest.mark.parametrize(
    ("text", "title"),
    [("a", "Nothing to read"), ("the " * 600, "Too long"), (" ", "Nothing to read")],
    ids=["one token", "long", "white space"],
)
async def test_a_text_that_cannot_be_measured_is_refused(place: Place, text: str, title: str) -> None:
    result = await place.member.slash(place.channel, "xray", text=text)
    (refusal,) = result.followups
    assert refusal.ephemeral
    assert embed_of(refusal)["title"] == title
    assert place.channel.history(viewer=place.other) == []


async def test_emoji_and_bytes_are_shown(place: Place) -> None:
    result = await place.member.slash(place.channel, "xray", text="🤷🏽‍♀️ ``` @everyone\u202e\n你好 <@1>")
    assert "@everyone" not in str(embed_of(result.response))
    for option in options(result.response):
        assert 1 <= len(option["label"]) <= 100
        assert (await place.member.select(result.response, [option["value"]])).response.embeds


async def test_missing_data_is_named(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "xray", text=TEXT)).response
    remove_state(place.env, answer)
    refused = (await place.member.select(answer, [options(answer)[0]["value"]])).response
    assert refused.ephemeral
    assert embed_of(refused) == {
        "title": "Expired",
        "description": "This message no longer has the data that this button needs. Ask again.",
        "color": 0xF0B232,
    }


async def test_the_menu_is_refused_if_another_model_runs(place: Place, settings: Settings, tmp_path: Path) -> None:
    answer = (await place.member.slash(place.channel, "xray", text=TEXT)).response
    model = load_model(str(shutil.copytree(DEMO_FOLDER, tmp_path / "another")), max_prompt_tokens=100)
    bot = Nightword(settings, make_executor(lambda: model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    refused = (await place.member.select(answer, [options(answer)[0]["value"]])).response
    assert embed_of(refused)["description"].startswith(
        "This answer is from the model demo, but the bot now runs another."
    )
    await bot.close()


async def test_a_private_xray_is_for_the_asker_alone(place: Place) -> None:
    message = await place.other.send(place.channel, TEXT)
    for result in (
        await place.member.slash(place.channel, "xray", text=TEXT, private=True),
        await place.member.context_menu(place.channel, "X-ray", message),
    ):
        assert result.response.ephemeral
        assert (await place.member.select(result.response, [options(result.response)[0]["value"]])).response.ephemeral
    assert len(place.channel.history(viewer=place.other)) == 1
