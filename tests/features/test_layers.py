"""`/layers` as a member meets it."""

from bot.engine.model import EngineModel
from bot.questions.layers import LayersQuestion
from bot.rendering.tables import percentage
from tests.features.people import Place, embed_of

PROMPT = "It was a dark and stormy"


async def test_each_layer_shows_the_model_s_own_figures(place: Place, demo_model: EngineModel) -> None:
    result = await place.member.slash(place.channel, "layers", prompt=PROMPT, positions=3)
    own = demo_model.answer(LayersQuestion(PROMPT, 3))
    description = embed_of(result.response)["description"]
    assert description.startswith(f"{PROMPT} **▁**\n")
    rows = [line.split() for line in description.split("```")[1].strip().split("\n")[1:]]
    assert [row[:3] for row in rows] == [
        [str(layer.number), percentage(layer.positions[-1].top[0].probability), f"{layer.positions[-1].entropy:.2f}"]
        for layer in own.layers
    ]
    assert "**·night** leads" in description
    assert "Early layers were not trained to be read this way." in description


async def test_too_long_a_prompt_is_refused(place: Place) -> None:
    (refusal,) = (await place.member.slash(place.channel, "layers", prompt="the " * 600)).followups
    assert refusal.ephemeral
    assert embed_of(refusal)["title"] == "Too long"
