"""`/tokenize` as a member meets it."""

from bot.engine.model import EngineModel
from bot.questions.tokenization import TokenizationQuestion
from tests.features.people import Place, embed_of


async def test_the_table_and_the_ids_to_copy(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "tokenize", text="a dark night")
    ids = [token.id for token in demo_model.answer(TokenizationQuestion("a dark night"))[0].tokens]
    digits = max(len(str(id_)) for id_ in ids)
    rows = [f"# {'id':>{digits}} token"]
    rows += [
        f"{position} {id_:>{digits}} {text}"
        for position, (id_, text) in enumerate(zip(ids, ["a", "·dark", "·night"], strict=True), start=1)
    ]
    table = "\n".join(rows)
    assert embed_of(result.response) == {
        "title": "3 tokens",
        "description": f"```\n{table}\n```",
        "color": 0x5865F2,
        "fields": [{"name": "Ids", "value": f"```\n{ids}\n```"}],
        "footer": "demo · float32",
    }


async def test_a_second_text_is_shown_below(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "tokenize", text="positive", compare_with=" positive film")
    first, second = (
        demo_model.answer(TokenizationQuestion("positive"))[0],
        demo_model.answer(TokenizationQuestion(" positive film"))[0],
    )
    embed = embed_of(result.response)
    count = f"{len(first.tokens)} tokens" if len(first.tokens) > 1 else "1 token"
    assert embed["title"] == f"{count}, compared with {len(second.tokens)}"
    (compared,) = embed["fields"]
    assert compared["name"] == f"Compared with: {len(second.tokens)} tokens, 0 in both"
    assert compared["value"].count("\n") == 1 + 1 + len(second.tokens)
