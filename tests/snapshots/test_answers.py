"""What members see: the answer of every command, and the replies to its buttons, menus and forms."""

from typing import Any

import pytest

from tests.features.messages import remove_state
from tests.snapshots.conftest import World

PROMPT = "The old man looked at the sea and"
REVIEW = "A slow beginning, but I laughed all the way home. Wonderful!"
ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
    "tokens": ("tokenize", {"text": "positive 🤷"}),
    "tokens of two texts": ("tokenize", {"text": "positive", "compare_with": "-positive"}),
    "layers": ("layers", {"prompt": PROMPT}),
    "sampler": ("sampler", {"prompt": PROMPT, "temperature": 1.5, "top_k": 20, "top_p": 0.9}),
    "contrast": ("contrast", {"a": "The nurse said that", "b": "The doctor said that"}),
    "contrast of equal prompts": ("contrast", {"a": PROMPT, "b": PROMPT}),
    "comparison": ("compare", {"prompt": PROMPT, "max_new_tokens": 6, "seed": 3, "num_beams": 2}),
    "greedy": ("continue", {"prompt": PROMPT, "max_new_tokens": 8}),
    "beams": ("continue", {"prompt": PROMPT, "strategy": "beam", "num_beams": 3, "max_new_tokens": 8}),
    "why": ("why", {"prompt": PROMPT}),
    "why not": ("why", {"prompt": PROMPT, "token": "night"}),
    "why of one word": ("why", {"prompt": "Once"}),
    "help": ("help", {}),
    "model": ("model", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", ANSWERS)
async def test_answer(world: World, name: str) -> None:
    command, options = ANSWERS[name]
    await world.check_answer(name, command, **options)


async def test_walk(world: World) -> None:
    ada, bob = world.people["ada"], world.people["bob"]
    message = await world.check_answer("begun", "topk", prompt=PROMPT)
    menu = next(part for row in message.components for part in row["components"] if "options" in part)
    await ada.select(message, [menu["options"][1]["value"]])
    world.check("one step", message)
    form = world.check_form("temperature", await ada.click(message, label="Temperature"))
    world.check("refused", (await ada.submit_modal(form, {"temperature": "warm"})).response)
    await ada.submit_modal(await ada.click(message, label="Temperature"), {"temperature": "1.3"})
    world.check("at a temperature", message)
    world.check("of another", (await bob.click(message, label="Undo")).response)
    await ada.click(message, label="Open to everyone")
    await bob.click(message, label="Undo")
    world.check("open, and undone", message)


async def test_sample_with_its_details(world: World) -> None:
    ada = world.people["ada"]
    options: dict[str, Any] = {"strategy": "sample", "seed": 7, "temperature": 1.1, "top_k": 30, "max_new_tokens": 6}
    message = await world.check_answer("sample", "continue", prompt=PROMPT, **options)
    details = world.check("details", (await ada.click(message, label="Details")).response)
    world.check("replayed", (await ada.click(details, label="Replay")).response)
    world.check("continued", (await ada.click(message, label="Continue (20 more)")).response)
    menu = next(part for row in message.components for part in row["components"] if "options" in part)
    world.check("another token", (await ada.select(message, [menu["options"][4]["value"]])).response)
    remove_state(world.env, message)
    (message,) = [shown for shown in world.channels["reviews"].history(viewer=ada) if shown.id == message.id]
    world.check("without its data", (await ada.click(message, label="Details")).response)


async def test_decision(world: World) -> None:
    ada = world.people["ada"]
    message = await world.check_answer("verdict", "decide", question="sentiment-examples", text=REVIEW)
    world.check("explained", (await ada.click(message, label="Explain")).response)
    world.check("the question", (await ada.click(message, label="Question")).response)
    await world.check_answer("a verdict", "decide", question="sentiment", text=REVIEW)
    await world.check_answer(
        "several tokens", "decide", question="{text} It was a", labels="sad story|day", text="Once."
    )
    for name, options in {
        "no chat template": {"question": "Is this spam?"},
        "a preset with labels": {"question": "spam", "labels": "a|b"},
    }.items():
        refused = await ada.slash(world.channels["lobby"], "decide", text="Once.", **options)
        world.check(name, refused.response or refused.followups[0])
    world.check_form("form", await ada.slash(world.channels["reviews"], "decide", question="spam"))


async def test_sentiment(world: World) -> None:
    message = await world.check_answer("verdict", "sentiment", review=REVIEW)
    world.check("explained", (await world.people["ada"].click(message, label="Explain")).response)
    world.check_form("form", await world.people["ada"].slash(world.channels["reviews"], "sentiment"))
    world.check_form("form of /continue", await world.people["ada"].slash(world.channels["reviews"], "continue"))


async def test_xray(world: World) -> None:
    message = await world.check_answer("xray", "xray", text=PROMPT)
    menu = next(part for row in message.components for part in row["components"])
    world.check("expected", (await world.people["ada"].select(message, [menu["options"][0]["value"]])).response)


async def test_guess(world: World) -> None:
    ada, bob = world.people["ada"], world.people["bob"]
    message = await world.check_answer("begun", "guess", prompt="It was a dark and stormy")
    for actor, guess in ((ada, "day"), (bob, "nightfall")):
        form = await actor.click(message, label="Guess")
        result = await actor.submit_modal(form, {"guess": guess})
    world.check_form("form", form)
    (taken,) = [reply for reply in (result.response, *result.followups) if reply is not None and reply.id != message.id]
    world.check("taken", taken)
    world.check("with guesses", message)
    world.check("refused", (await bob.click(message, label="Reveal")).response)
    await ada.click(message, label="Reveal")
    world.check("revealed", message)
    world.check("next round", (await ada.click(message, label="Next round")).response)
