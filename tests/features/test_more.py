"""*More* below an answer whose tables are cut: the whole table, privately."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.app.client import Nightword
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.contrast import ContrastQuestion
from bot.questions.sentiment import EvidenceQuestion
from bot.questions.tokenization import TokenizationQuestion
from bot.questions.topk import TopKQuestion
from bot.questions.why import WhyQuestion
from bot.questions.xray import XrayQuestion
from bot.rendering.tables import percentage
from bot.settings import Settings
from tests.conftest import make_executor
from tests.features.messages import buttons
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy night, and the old man looked at the sea"
REVIEW = "I laughed all the way home. The acting was wonderful, and the story never gets dull."
CONTRAST = {"a": "The nurse said that", "b": "The doctor said that"}


def rows_of(message: Any) -> list[str]:
    """Return the rows of the table in an embed's description, without its header."""
    rows: list[str] = embed_of(message)["description"].split("```")[1].strip("\n").split("\n")[1:]
    return rows


async def more_of(place: Place, message: Any) -> Any:
    """Press *More* as another person, and check that only they see the answer."""
    shown = (await place.other.click(message, label="More")).response
    assert shown.ephemeral
    assert message.id != shown.id
    assert shown.embeds[0].title == "The whole table"
    return shown


async def test_more_candidates(place: Place, demo_model: EngineModel) -> None:
    shown = (await place.member.slash(place.channel, "topk", prompt=PROMPT, k=25)).response
    own = demo_model.answer(TopKQuestion(PROMPT, 25)).candidates
    first = rows_of(shown)
    assert [row.split()[1] for row in first[:10]] == [percentage(entry.candidate.probability) for entry in own[:10]]
    others = 1 - sum(entry.candidate.probability for entry in own[:10])
    assert first[10:] == [row for row in first if row.endswith("all others") and percentage(others) in row]
    rows = rows_of(await more_of(place, shown))
    assert [row.split()[1] for row in rows[:-1]] == [percentage(entry.candidate.probability) for entry in own]
    assert rows[-1].endswith("all others")


async def test_more_of_a_path(place: Place, demo_model: EngineModel) -> None:
    ids: list[int] = []
    message = (await place.member.slash(place.channel, "topk", prompt=PROMPT, k=2)).response
    while len(ids) < 6:
        assert "More" not in buttons(message)
        ids.append(demo_model.answer(TopKQuestion(PROMPT, 1, tuple(ids))).candidates[0].candidate.token.id)
        await place.member.select(message, [str(ids[-1])])
        (message,) = place.channel.history(viewer=place.member)
    (path,) = [field["value"] for field in embed_of(message)["fields"] if field["name"].startswith("Path of 6 steps")]
    steps = [
        percentage(step.likelihood.probability) for step in demo_model.answer(TopKQuestion(PROMPT, 2, tuple(ids))).steps
    ]
    assert [row.split()[1] for row in path.split("\n")[2:7]] == steps[1:]
    assert [row.split()[1] for row in rows_of(await more_of(place, message))[:6]] == steps


async def test_more_tokens(place: Place, demo_model: EngineModel) -> None:
    shown = (await place.member.slash(place.channel, "tokenize", text=PROMPT)).response
    ids = [token.id for token in demo_model.answer(TokenizationQuestion(PROMPT))[0].tokens]
    assert [row.split()[1] for row in rows_of(shown)[:10]] == [str(id_) for id_ in ids[:10]]
    assert rows_of(shown)[10:] == [f"… {len(ids) - 10} more tokens"]
    table = embed_of(await more_of(place, shown))["description"]
    assert [row.split()[1] for row in table.split("\n")[2 : 2 + len(ids)]] == [str(id_) for id_ in ids]
    assert table.replace("\n", " ").endswith(f"{ids} ```")


async def test_a_long_table_is_a_file(place: Place, demo_model: EngineModel) -> None:
    text, other = PROMPT * 20, PROMPT.upper() * 20
    shown = (await place.member.slash(place.channel, "tokenize", text=text, compare_with=other)).response
    assert [attachment.filename for attachment in shown.attachments] == ["receipt.json", "picture.png"]
    more = await more_of(place, shown)
    assert more.embeds[0].description == "The table is too long for a message. It's in the attached file."
    (file,) = more.attachments
    assert file.filename == "table.txt"
    whole = (await file.read()).decode().rstrip("\n").split("\n\n")
    results = demo_model.answer(TokenizationQuestion(text, other))
    for result, table, ids in zip(results, whole[::2], whole[1::2], strict=True):
        assert result is not None
        assert ids == str([token.id for token in result.tokens])
        assert len(table.split("\n")) == 1 + len(result.tokens)


async def test_more_surprisals(place: Place, demo_model: EngineModel) -> None:
    shown = (await place.member.slash(place.channel, "xray", text=PROMPT)).response
    own = demo_model.answer(XrayQuestion(PROMPT)).tokens
    rows = [row.split() for row in rows_of(await more_of(place, shown))]
    assert rows[0][:3] == ["–", "–", "–"]
    for row, entry in zip(rows[1:], own[1:], strict=True):
        assert entry.likelihood is not None
        assert row[:2] == [f"{entry.likelihood.rank:,}", f"{entry.likelihood.surprisal:.2f}"]


async def test_more_tokens_that_moved(place: Place, demo_model: EngineModel) -> None:
    shown = (await place.member.slash(place.channel, "contrast", **CONTRAST)).response
    own = demo_model.answer(ContrastQuestion(*CONTRAST.values())).movers
    assert len(own) > 8
    rows = rows_of(await more_of(place, shown))
    assert [row.split()[:2] for row in rows] == [
        [percentage(mover.probability_a), percentage(mover.probability_b)] for mover in own
    ]


@pytest.mark.parametrize("command", ["sentiment", "decide", "why"])
async def test_more_words(place: Place, demo_model: EngineModel, command: str) -> None:
    options = {
        "sentiment": {"review": REVIEW},
        "decide": {"question": "spam", "text": REVIEW},
        "why": {"prompt": PROMPT},
    }[command]
    shown = (await place.member.slash(place.channel, command, **options)).response
    if command == "why":
        own: Any = demo_model.answer(WhyQuestion(PROMPT))
    else:
        shown = (await place.other.click(shown, label="Explain")).response
        own = demo_model.answer(EvidenceQuestion(REVIEW)) if command == "sentiment" else None
    rows = [row.split() for row in rows_of(await more_of(place, shown))]
    words = (PROMPT if command == "why" else REVIEW).split()
    assert [row[1] for row in rows[:-1]] == words
    if own is not None:
        assert [row[0] for row in rows[:-1]] == [f"{word.effect:+.2f}" for word in own.words]


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("topk", {"prompt": PROMPT}),
        ("tokenize", {"text": "a dark night"}),
        ("tokenize", {"text": "a dark night", "compare_with": "a night"}),
        ("xray", {"text": "a dark night"}),
        ("layers", {"prompt": PROMPT}),
        ("contrast", {"a": PROMPT, "b": PROMPT}),
        ("why", {"prompt": "a dark night"}),
    ],
)
async def test_an_answer_that_leaves_nothing_out_has_no_more(
    place: Place, command: str, options: dict[str, str]
) -> None:
    shown = (await place.member.slash(place.channel, command, **options)).response
    assert "More" not in buttons(shown)


async def test_it_works_in_a_direct_message_and_after_a_restart(
    place: Place, demo_model: EngineModel, settings: Settings
) -> None:
    dora = place.env.create_user("dora")
    shown = (await dora.slash("xray", text=PROMPT)).response
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    more = (await dora.click(shown, label="More")).response
    assert embed_of(more)["title"] == "The whole table"
    await bot.close()


async def test_another_model_is_not_asked(place: Place, settings: Settings, tmp_path: Path) -> None:
    shown = (await place.member.slash(place.channel, "topk", prompt=PROMPT, k=25)).response
    model = load_model(str(shutil.copytree(DEMO_FOLDER, tmp_path / "another")), max_prompt_tokens=100)
    bot = Nightword(settings, make_executor(lambda: model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    refusal = (await place.member.click(shown, label="More")).response
    assert refusal.ephemeral
    assert embed_of(refusal)["description"].startswith(
        "This answer is from the model demo, but the bot now runs another."
    )
    await bot.close()
