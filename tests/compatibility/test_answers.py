"""Answers of an earlier version: their files can be read, and their buttons and menus work."""

from typing import Any

import pytest

from tests.compatibility.earlier import MESSAGES, Readers, answers, component, components, load, text_of
from tests.features.messages import names_of, state_of

RECEIPTS = [name for name in MESSAGES if "receipt.json" in load(f"messages/{name}.json").get("files", {})]
IDENTICAL, EXPIRED = "Replay: identical", "Expired"


def receipt_of(name: str) -> dict[str, Any]:
    receipt: dict[str, Any] = load(f"messages/{name}.json")["files"]["receipt.json"]
    return receipt


def title(message: Any) -> str:
    return str(message.embeds[0].title)


def test_every_kind_of_answer_is_recorded() -> None:
    commands = {receipt_of(name)["command"] for name in RECEIPTS}
    assert commands == {"topk", "continue", "sentiment", "explain", "tokenize", "xray", "compare", "sampler"}
    all_ids = {custom_id for name in MESSAGES for custom_id in custom_ids(name)}
    assert {custom_id.partition(":")[0] for custom_id in all_ids} == {
        "continue", "details", "guess", "replay", "sentiment", "walk", "xray",
    }  # fmt: skip


def custom_ids(name: str) -> list[str]:
    return [
        part["custom_id"] for row in load(f"messages/{name}.json")["components"] for part in row["components"]
        if not part.get("disabled")
    ]  # fmt: skip


@pytest.mark.parametrize("name", RECEIPTS)
async def test_a_receipt_is_shown_and_its_replay_is_identical(readers: Readers, name: str) -> None:
    message, reader = readers.post(name), readers.reader_of(name)
    if "details" in components(message):
        (message,) = answers(await reader.click(message, custom_id="details"))
    digest = receipt_of(name)["output_sha256"]
    assert digest[:32] in text_of(message)
    assert digest[32:] in text_of(message)
    (replayed,) = answers(await reader.click(message, custom_id="replay"))
    assert title(replayed) == IDENTICAL, text_of(replayed)


@pytest.mark.parametrize("name", MESSAGES)
async def test_every_button_and_menu_works(readers: Readers, name: str) -> None:
    for position in range(len(custom_ids(name))):
        message, actor = readers.post(name), readers.people["ada"]
        reader = readers.reader_of(name)
        custom_id = [id_ for id_, part in components(message).items() if not part.get("disabled")][position]
        if "options" in components(message)[custom_id]:
            value = components(message)[custom_id]["options"][0]["value"]
            result = await actor.select(message, [value], custom_id=custom_id)
        elif custom_id in ("details", "replay"):
            result = await reader.click(message, custom_id=custom_id)
        else:
            result = await actor.click(message, custom_id=custom_id)
        assert result.acknowledged, custom_id
        replies = answers(result, message)
        assert EXPIRED not in [title(reply) for reply in replies if reply.embeds], custom_id
        assert replies or result.modal or text_of(readers.message(message.id)) != text_of(message), custom_id


async def test_a_walk_can_be_continued(readers: Readers) -> None:
    message, ada, bob = readers.post("walk"), readers.people["ada"], readers.people["bob"]
    earlier = receipt_of("walk")["state"]["steps"]
    refused = await bob.click(message, custom_id=component(message, "walk:sample"))
    assert refused.response.ephemeral
    menu = component(message, "walk:step")
    chosen = components(message)[menu]["options"][3]["value"]
    await ada.select(message, [chosen], custom_id=menu)

    async def steps() -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = (await state_of(readers.message(message.id)))["state"]["steps"]
        return result

    stepped = await steps()
    assert [step["id"] for step in stepped] == [*(step["id"] for step in earlier), int(chosen)]
    for step, before in zip(stepped, earlier, strict=False):
        figures = {name: value for name, value in before.items() if name != "by"}  # names are in the components
        assert step == figures | {"log_probability": pytest.approx(before["log_probability"], abs=1e-5)}
    now = readers.message(message.id)
    await ada.click(now, custom_id=component(now, "walk:sample"))
    assert len(await steps()) == len(earlier) + 2
    now = readers.message(message.id)
    await ada.click(now, custom_id=component(now, "walk:undo"))
    assert await steps() == stepped
    assert (await state_of(readers.message(message.id)))["options"]["temperature"] == 1.3


async def test_a_walk_takes_a_temperature_and_is_opened(readers: Readers) -> None:
    message, ada, bob = readers.post("walk"), readers.people["ada"], readers.people["bob"]
    form = await ada.click(message, custom_id=component(message, "walk:temperature"))
    await ada.submit_modal(form, {"temperature": "0.5"})
    now = readers.message(message.id)
    assert (await state_of(now))["options"]["temperature"] == 0.5
    await ada.click(now, custom_id=component(now, "walk:open"))
    now = readers.message(message.id)
    await bob.click(now, custom_id=component(now, "walk:sample"))
    assert names_of(readers.message(message.id)) == ["ada", "ada", "ada", "bob"]


async def test_anyone_can_continue_an_open_walk(readers: Readers) -> None:
    message = readers.post("walk_open")
    await readers.people["carl"].click(message, custom_id=component(message, "walk:undo"))
    now = readers.message(message.id)
    before, after = receipt_of("walk_open")["state"], (await state_of(now))["state"]
    assert [step["id"] for step in after["steps"]] == [step["id"] for step in before["steps"][:-1]]
    assert names_of(now) == [step["by"] for step in before["steps"][:-1]]
    turn = before["turn"] + 1
    assert component(now, "walk:step").startswith(f"walk:step:{turn}:{readers.people['ada'].id}:1~")


@pytest.mark.parametrize(
    "name", ["continue_greedy", "continue_sample", "continue_more", "continue_beam", "continue_beam_more",
             "continue_greedy_stopped", "continue_beam_stopped"],
)  # fmt: skip
async def test_a_continuation_can_be_continued(readers: Readers, name: str) -> None:
    (more,) = answers(await readers.people["bob"].click(readers.post(name), custom_id="continue:more"))
    (earlier,), (continued,) = receipt_of(name)["outputs"], (await state_of(more))["outputs"]
    assert continued[: len(earlier)] == earlier
    assert len(continued) > len(earlier)


async def test_a_sample_is_drawn_again(readers: Readers) -> None:
    (again,) = answers(await readers.people["bob"].click(readers.post("continue_sample"), custom_id="continue:retry"))
    before, after = receipt_of("continue_sample")["options"], (await state_of(again))["options"]
    assert after.pop("seed") != before.pop("seed")
    assert after.items() >= before.items()


async def test_a_draft_left_by_a_stopped_bot_can_be_ended(readers: Readers) -> None:
    message = readers.post("continue_greedy_draft")
    stop = component(message, "continue:stop")
    assert (await readers.people["bob"].click(message, custom_id=stop)).response.ephemeral
    await readers.people["ada"].click(message, custom_id=stop)
    now = readers.message(message.id)
    assert now.embeds[0].description == message.embeds[0].description
    assert now.components == []


async def test_a_verdict_is_explained(readers: Readers) -> None:
    (shown,) = answers(await readers.people["bob"].click(readers.post("sentiment"), custom_id="sentiment:explain"))
    same_outcome(await state_of(shown), receipt_of("explain"))


async def test_an_xray_says_what_was_expected(readers: Readers) -> None:
    message = readers.post("xray")
    value = components(message)["xray:expected"]["options"][0]["value"]
    (shown,) = answers(await readers.people["bob"].select(message, [value], custom_id="xray:expected"))
    same_outcome(await state_of(shown), receipt_of("expected"))
    assert title(shown) == load("messages/expected.json")["embeds"][0]["title"]


def same_outcome(after: dict[str, Any], before: dict[str, Any]) -> None:
    for name in ("command", "options", "input_ids", "outputs", "output_sha256"):
        assert after[name] == before[name]
    assert after["figures"] == pytest.approx(before["figures"], abs=5e-5)  # logits among them


async def test_a_round_of_guesses_is_joined_and_revealed(readers: Readers) -> None:
    message, ada, carl = readers.post("guess_open"), readers.people["ada"], readers.people["carl"]
    form = await carl.click(message, custom_id=component(message, "guess:guess"))
    await carl.submit_modal(form, {"guess": "day"})
    message = readers.message(message.id)
    assert [guess["name"] for guess in (await state_of(message, "guess.json"))["guesses"]] == ["ada", "bob", "carl"]
    reveal = component(message, "guess:reveal")
    assert (await carl.click(message, custom_id=reveal)).response.ephemeral
    await ada.click(message, custom_id=reveal)
    scores = (await state_of(readers.message(message.id)))["state"]["scores"]
    earlier = receipt_of("guess_revealed")["state"]["scores"]
    figures = [{name: value for name, value in score.items() if name not in ("user", "name")} for score in earlier]
    assert scores[: len(figures)] == [
        score | {"probability": pytest.approx(score["probability"], abs=1e-5)} for score in figures
    ]
    lines = str(readers.message(message.id).embeds[0].description).split("\n")[-3:]
    assert [line.split(":")[0].split()[-1] for line in lines] == ["bob", "ada", "carl"]


async def test_a_revealed_round_is_followed_by_another(readers: Readers) -> None:
    message = readers.post("guess_revealed")
    following = component(message, "guess:next")
    (opened,) = answers(await readers.people["ada"].click(message, custom_id=following))
    before = receipt_of("guess_revealed")["options"]["prompt"]
    assert (await state_of(opened, "guess.json"))["prompt"] == f"{before} night"
