"""Prose is shown as it was written, even if Discord would format or link parts of it, and wherever it is cut."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.answers.answer import footer
from bot.answers.details_embed import _field_value
from bot.answers.error_reply import error_embed
from bot.errors import ModelUnavailable
from bot.features.review.embeds.card import _event, model_text, spoilered_excerpt
from bot.questions.language_model import ModelInfo, RunInfo
from bot.rendering.escaping import escape_prose, visible_text
from bot.rendering.prose import bold_excerpt, prompt_excerpt, quote_excerpt
from bot.storage.records import CaseEvent
from tests.rendering.discord_markdown import displayed_text

NOW = datetime(2026, 11, 26, tzinfo=UTC)
INFO = ModelInfo("x", "x", None, "float32", "cpu", 1024, 100, 1000)

markup = st.sampled_from(
    [
        ":100:", ":+1:", ":wave::skin-tone-2:", ":a_b:", ":x", "x:", ":", "::", "<:a:1>", "<a:x:1>", "<t:0:R>", "<t:0>",
        "<@1>", "<@&1>", "<@!1>", "<#1>", "<id:customize>", "</topk:1>", "<https://a.b>", "https://a.b/c", "HTTP://a.b",
        "[a](https://b.c)", "# ", "### ", "-# ", "- ", "* ", "1. ", "12) ", "> ", ">>> ", "||", "**", "*", "_", "__",
        "~~",
        "`", "```", "\\", "@everyone", "@here", "a@b.org", "<a@b.org>", "<+4912345>", ":)", "<3", "¯\\_(ツ)_/¯", "\n",
        " ", "a", "10:30", "2a14:6f42:c::/48", "C:\\x:", "🤷🏽‍♀️", "#️⃣", "\u202e", "|",
    ]
)  # fmt: skip
texts = st.lists(markup | st.text(max_size=5), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Worth every penny :100:", r"Worth every penny \:100:"),
        ("2a14:6f42:c::/48", r"2a14\:6f42\:c\:\:/48"),
        (":wave::skin-tone-2:", r"\:wave\:\:skin-tone-2:"),
        ("ends with :smile", r"ends with \:smile"),  # the text that follows could close it
    ],
)
def test_shortcodes_are_escaped(text: str, escaped: str) -> None:
    assert escape_prose(text) == escaped


def test_other_colons_are_not_escaped() -> None:
    for text in ("so: this", "at 10:30 sharp", "a:", "a: b: c", ": :"):
        assert escape_prose(text) == text


@given(texts)
@settings(max_examples=500, deadline=None)
def test_prose_is_drawn_as_it_was_written(text: str) -> None:
    assert displayed_text(escape_prose(text)) == visible_text(text)


@given(texts, texts)
@settings(max_examples=300, deadline=None)
def test_adjacent_texts_are_drawn_as_they_were_written(name: str, text: str) -> None:
    assert (
        displayed_text(f"For {escape_prose(name)}: {escape_prose(text)}")
        == f"For {visible_text(name)}: {visible_text(text)}"
    )


@given(texts.map(lambda text: re.sub("[\u200d\ufe0f\u20e3]", "", text)).filter(str.strip), st.integers(20, 60))
@example(":100:\r\n0", 22)
@example("a\r", 22)
@settings(max_examples=300, deadline=None)
def test_excerpts_are_drawn_as_they_were_written(text: str, limit: int) -> None:
    prompt, quote = prompt_excerpt(text, limit).text, quote_excerpt(text.strip(), limit).text
    assert visible_text(text).endswith(displayed_text(prompt).removeprefix("… "))
    for line in quote.split("\n"):
        assert line.startswith("> ")
        displayed_text(line.removeprefix("> "))
    for line in bold_excerpt(text.strip(), limit).text.split("\n"):
        displayed_text(line.strip().removeprefix("**").removesuffix("**"))
    spoiler = spoilered_excerpt(text)
    assert visible_text(text.strip()).startswith(displayed_text(spoiler[2:-2]).removesuffix(" …"))


def test_bold_text_is_bold_line_by_line() -> None:
    assert bold_excerpt("one\r\ntwo\n three ", 60).text == "**one**\n**two**\n **three** "
    assert bold_excerpt("one\rtwo\x85\n\x1c", 60).text == "**one\\\\u000dtwo\\\\u0085**\n**\\\\u001c**"


@pytest.mark.slow
def test_no_escape_is_cut_in_two() -> None:
    part_of_one = re.compile(r"(?<!\\)(?:\\\\)*(?:\\|\\\\u\w{0,3}|\\\\U\w{0,7})( ?…)?$")
    for length in range(400, 430):
        for begin in ("", "a", "aa"):
            for text in ("*" * length, ":x: " * length, "\u202e" * length, "\U000e0041" * length):
                shortened = [
                    error_embed(ModelUnavailable("x", f"{begin}{text * 12}")).description,
                    _field_value(f"{begin}{text * 3}"),
                    spoilered_excerpt(f"{begin}{text}")[2:-2],
                    *model_text(f"{begin}{text}@{begin}{text}").split(" · "),
                    _event(CaseEvent(1, "noted", 1, NOW, f"{begin}{text}", None)).split(" · <t:")[0],
                ]
                for shown in shortened:
                    assert shown is not None
                    assert not part_of_one.search(shown), shown[-20:]
    name = replace(INFO, short_name="a" + "\u202e" * 1000)
    for begin in ("", "a", "aa", "aaa", "aaaa", "aaaaa"):
        shown = footer(RunInfo(replace(name, short_name=begin + name.short_name), 1.0))
        assert not re.search(r"\\u\w{0,3}( ?…)?$", shown), shown[-20:]
