"""The pictures of the explorer's commands: in the embed, with alt text, and within the size limits."""

from typing import Any

import pytest

from tests.features.messages import check_picture
from tests.features.people import Place

COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("xray", {"text": "The old man looked at the banana. 你好 🤷🏽‍♀️"}),
    ("sampler", {"prompt": "The old man", "temperature": 1.5}),
    ("layers", {"prompt": "The old man"}),
    ("contrast", {"a": "The nurse said that", "b": "The doctor said that 你好 🤷🏽‍♀️"}),
    ("compare", {"prompt": "The old man", "max_new_tokens": 6, "seed": 1}),
    ("tokenize", {"text": "positive", "compare_with": " positive"}),
    ("topk", {"prompt": "The old man"}),
    ("continue", {"prompt": "The old man", "max_new_tokens": 6}),
    ("why", {"prompt": "The old man"}),
]


@pytest.mark.parametrize(("command", "options"), COMMANDS, ids=[name for name, _ in COMMANDS])
async def test_a_command_s_answer_has_its_picture(place: Place, command: str, options: dict[str, Any]) -> None:
    await check_picture((await place.member.slash(place.channel, command, **options)).response)


async def test_an_explained_verdict_has_its_picture(place: Place) -> None:
    verdict = await place.member.slash(place.channel, "sentiment", review="I laughed all the way home.")
    await check_picture((await place.member.click(verdict.response, label="Explain")).response)


async def test_each_step_of_a_walk_has_its_own_picture(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt="The old man")).response
    before = answer.attachments[-1].description
    await place.member.click(answer, label="Sample")
    (message,) = place.channel.history(viewer=place.member)
    await check_picture(message)
    assert message.attachments[-1].description != before
