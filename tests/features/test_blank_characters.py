"""Tokens and names without a glyph, as members meet them: their code points are shown."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.engine.model import EngineModel
from bot.questions.language_model import LanguageModel
from bot.questions.tokenization import Tokenization, TokenizationQuestion
from bot.questions.tokens import Token
from bot.questions.topk import TopKQuestion
from bot.rendering.escaping import code_point
from tests.fakes import Answers, fake_model
from tests.features.people import Place

BLANK = ["\u2800", "\u3164", "\u115f", "\u1160", "\uffa0", "\u034f", "\u17b4", "\ufe0f", "\u200d", "\U000e0041"]


class TestTokens:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        tokens = tuple(Token(number, text) for number, text in enumerate(BLANK))
        walk = demo_model.answer(TopKQuestion("Once", len(BLANK), (), 1.0))
        shown = replace(
            walk,
            prompt="Once\u2800\u3164",
            candidates=tuple(
                replace(entry, candidate=replace(entry.candidate, token=token))
                for entry, token in zip(walk.candidates, tokens, strict=True)
            ),
        )
        split = Tokenization("".join(BLANK), tokens)
        answers: Answers = {TopKQuestion: lambda _: shown, TokenizationQuestion: lambda _: (split, None)}
        return lambda: fake_model(demo_model.info, answers)

    async def test_tables_menus_and_prose_show_them(self, place: Place) -> None:
        shown = await place.member.slash(place.channel, "tokenize", text="x")
        for number, text in enumerate(BLANK):
            assert f" {number} {code_point(text)}" in shown.response.embeds[0].description
        topk = (await place.member.slash(place.channel, "topk", prompt="x")).response
        assert topk.embeds[0].description.startswith(r"Once\\u2800\\u3164 **▁**")
        (menu,) = [part for row in topk.components for part in row["components"] if "options" in part]
        assert [option["label"].split("  ")[0] for option in menu["options"]] == list(map(code_point, BLANK))


async def test_a_blank_name_is_shown_as_code_points_on_the_scoreboard(place: Place) -> None:
    nobody = place.channel.guild.add_member(place.env.create_user("x", global_name="\u3164\u2800"))
    opened = (await nobody.slash(place.channel, "guess", prompt="Once upon a")).response
    form = await nobody.click(opened, label="Guess")
    await nobody.submit_modal(form, {"guess": "time"})
    (now,) = place.channel.history(viewer=place.other)
    assert now.embeds[0].fields[1].value == r"\\u3164\\u2800"
