"""Prose in embeds: shown as written, and bold in a form that Discord accepts."""

import pytest

from bot.rendering.escaping import code_block, escape_prose
from bot.rendering.prose import bold, bold_excerpt, prompt_excerpt


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, text; with: 'quotes' and (brackets)!", "plain, text; with: 'quotes' and (brackets)!"),
        ("*a* _b_ ~c~ |d| `e`", r"\*a\* \_b\_ \~c\~ \|d\| \`e\`"),
        ("# not a title", r"\# not a title"),
        ("- no list\n1. nor this\n> nor a quote", "\\- no list\n1\\. nor this\n\\> nor a quote"),
        ("3.5 and 2-1", "3.5 and 2-1"),
        ("<@1> @everyone", "\\<@\u200b1\\> @\u200beveryone"),
        ("me@example.org", "me@\u200bexample.org"),
        ("http://a.b", "http:\u200b//a.b"),
        ("a\u202eb\u200bc", r"a\\u202eb\\u200bc"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
    ],
)
def test_what_discord_would_interpret_is_escaped(text: str, shown: str) -> None:
    assert escape_prose(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" night", " **night**"),
        ("night. \n\n The", "**night.** \n\n **The**"),
        ("  ", "  "),
        ("", ""),
        ("a*b", r"**a\*b**"),
        ("a\x85", r"**a\\u0085**"),  # an invisible character is not white space
    ],
)
def test_bold_leaves_white_space_outside(text: str, shown: str) -> None:
    assert bold(text) == shown


def test_a_long_prompt_shows_its_end_and_a_long_text_its_beginning() -> None:
    assert prompt_excerpt("a" * 1000 + "z", 100).text == "… " + "a" * (75 - 1) + "z"
    assert bold_excerpt("a" + "z" * 1000, 100).text == "**a" + "z" * 74 + " …**"
    assert not prompt_excerpt("a" * 101, 100).is_complete
    assert prompt_excerpt("a" * 100, 100) == ("a" * 100, True)


def test_a_code_block_cannot_be_closed_from_within() -> None:
    block = code_block("a```b``c`d")
    assert block.count("```") == 2
    assert block.replace("\u200b", "") == "```\na```b``c`d\n```"
