"""*Details* and *Replay* below the answers, as members meet them."""

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.app.client import Nightword
from bot.cli import main as cli
from bot.engine.model import EngineModel
from bot.engine.model_files import DEMO_FOLDER
from bot.engine.transformers.loading import load_model
from bot.questions.continuation import ContinuationQuestion
from bot.questions.generation import GenerationParameters
from bot.questions.language_model import LanguageModel
from bot.questions.outcome import output_hash, versions
from bot.questions.tokenization import TokenizationQuestion
from bot.settings import Settings
from tests.conftest import make_executor
from tests.fakes import fake_model
from tests.features.answers import COMMANDS, PROMPT, REVIEW
from tests.features.messages import remove_state, state_of
from tests.features.people import Place, embed_of

each = pytest.mark.parametrize(
    ("command", "options"), COMMANDS, ids=[f"{name} {len(options)}" for name, options in COMMANDS]
)


def fields(message: Any) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed_of(message).get("fields", [])}


def ids_in(value: Any) -> list[int]:
    """Return the output ids in a command's JSON, in order."""
    if isinstance(value, list):
        return [id_ for item in value for id_ in ids_in(item)]
    if not isinstance(value, dict):
        return []
    return list(value.get("output_ids", [])) + [
        id_ for item in value.values() if isinstance(item, list | dict) for id_ in ids_in(item)
    ]


@each
async def test_details_are_those_of_the_answer(
    place: Place, demo_model: EngineModel, command: str, options: dict[str, Any]
) -> None:
    answer = (await place.member.slash(place.channel, command, **options)).response
    shown = (await place.other.click(answer, label="Details")).response
    assert shown.ephemeral
    receipt = await state_of(shown)
    kept = await state_of(answer)
    assert kept == {name: value for name, value in receipt.items() if name in kept}
    assert receipt["command"] == command
    given = {"text": options["text"]} if command == "decide" else options  # the question's parts are stored
    assert given.items() <= receipt["options"].items()
    assert receipt["model"] == {
        "name": "demo",
        "revision": None,
        "dtype": "float32",
        "device": "cpu",
        "engine_path": demo_model.info.engine_path,
        "engine": "transformers",
    }
    assert receipt["versions"] == versions()
    assert receipt["output_sha256"] == output_hash(receipt["outputs"])
    texts = [options["a"], options["b"]] if command == "contrast" else [options.get("prompt", options.get("text"))]
    if command == "decide":  # the prompt ends with the text and what follows it
        assert str(texts[0]) in demo_model.engine.codec.decode(receipt["input_ids"])
    elif command not in ("tokenize", "sentiment"):
        assert receipt["input_ids"] == [
            token.id for text in texts for token in demo_model.answer(TokenizationQuestion(str(text)))[0].tokens
        ]
    shown_fields = fields(shown)
    assert shown_fields["Model"] == "demo"
    assert shown_fields["Computation"].startswith("float32 on cpu")
    assert receipt["output_sha256"] == "".join(shown_fields["SHA-256 of the output ids"].split("\n")[1:3])
    for name, value in options.items():
        if not isinstance(value, str) or name == "strategy":
            assert f"`{name}={value}`" in shown_fields["Options"]


@each
async def test_its_command_computes_the_same_in_a_terminal(
    place: Place, capsys: pytest.CaptureFixture[str], command: str, options: dict[str, Any]
) -> None:
    answer = (await place.member.slash(place.channel, command, **options)).response
    shown = (await place.member.click(answer, label="Details")).response
    line = shown.embeds[0].description.split("```")[1].strip()
    program, *words = shlex.split(line.replace("\\\n", ""))
    assert program == "nightword"
    assert cli.run([words[0], "--json", *words[1:]]) == 0
    printed = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    receipt = await state_of(answer)
    if command in ("continue", "compare"):
        assert ids_in(printed) == [id_ for ids in receipt["outputs"] for id_ in ids]
    elif command == "tokenize":
        assert [[token["id"] for token in tokenization["tokens"]] for tokenization in printed] == receipt["outputs"]
    elif command == "topk":
        assert [[token["id"] for token in printed[0]["tokens"]]] == receipt["outputs"]
    elif command == "xray":
        log_probabilities = [token["log_probability"] for token in printed[0]["tokens"][1:]]
        assert log_probabilities == pytest.approx(receipt["figures"], abs=1e-5)
    elif command == "sentiment":
        logits = printed[0]["logits"]
        assert [logits["positive"], logits["negative"]] == pytest.approx(receipt["figures"][:2], abs=1e-4)
    elif command == "decide":
        figures = [*(label["log_probability"] for label in printed[0]["labels"]), printed[0]["label_mass"]]
        assert figures == pytest.approx(receipt["figures"], abs=1e-5)
        assert [label["label"] for label in printed[0]["labels"]] == receipt["options"]["labels"]
    elif command == "sampler":
        distributions = [printed[0]["before"], *(stage["after"] for stage in printed[0]["stages"])]
        top_ids = [[token["id"] for token in distribution["tokens"]] for distribution in distributions]
        assert top_ids == receipt["outputs"]
    elif command == "layers":
        positions = [position for layer in printed[0]["layers"] for position in layer["positions"]]
        probabilities = [position["tokens"][0]["probability"] for position in positions]
        assert probabilities == pytest.approx(receipt["figures"], abs=1e-5)
    elif command == "contrast":
        assert [[token["id"] for token in printed[0]["movers"]]] == receipt["outputs"]
        figures = [printed[0][f"{name}_bits"] for name in ("kl_a_b", "kl_b_a", "js")]
        assert figures == pytest.approx(receipt["figures"][:3], abs=1e-5)
    elif command == "why":
        pair = [printed[0]["token"], printed[0]["instead_of"]]
        assert [[token["id"] for token in pair]] == receipt["outputs"]
        effects = [word["effect"] for word in printed[0]["words"]]
        assert effects == pytest.approx(receipt["figures"][2:], abs=1e-4)
        assert printed[0]["difference"] == pytest.approx(receipt["figures"][0] - receipt["figures"][1], abs=1e-4)
    else:
        pytest.fail(f"add a branch that compares the --json of {command} with the receipt")


@each
async def test_replay_is_identical_also_beside_others_and_after_a_restart(
    place: Place, demo_model: EngineModel, settings: Settings, command: str, options: dict[str, Any]
) -> None:
    answer = (await place.member.slash(place.channel, command, **options)).response
    bot = Nightword(settings, make_executor(lambda: demo_model, settings))
    await place.env.restart_bot(bot)
    bot.executor.wait_until_loaded()
    shown = (await place.other.click(answer, label="Details")).response
    sampled = [GenerationParameters.from_options(strategy="sample", seed=seed, max_new_tokens=99) for seed in range(8)]
    others = [ContinuationQuestion("Once upon a time", parameters) for parameters in sampled]
    busy = [bot.executor.submit(user, other) for user, other in enumerate(others)]
    replayed = (await place.other.click(shown, label="Replay")).response
    assert replayed.ephemeral
    assert embed_of(replayed)["title"] == "Replay: identical"
    count = sum(map(len, (await state_of(answer))["outputs"]))
    assert embed_of(replayed)["description"].startswith("1 output id" if count == 1 else f"{count} output ids")
    for future in busy:
        await future
    await bot.close()


async def test_walks_explanations_and_menu_answers_have_receipts_too(place: Place) -> None:
    walk = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    await place.member.click(walk, label="Sample")
    form = await place.member.click(walk, label="Temperature")
    await place.member.submit_modal(form, {"temperature": "1.5"})
    (walk,) = place.channel.history(viewer=place.member)
    verdict = (await place.member.slash(place.channel, "sentiment", review=REVIEW)).response
    why = (await place.member.click(verdict, label="Explain")).response
    xray = (await place.member.slash(place.channel, "xray", text=PROMPT)).response
    options = [option for row in xray.components for part in row["components"] for option in part.get("options", [])]
    expected = (await place.member.select(xray, [options[0]["value"]])).response
    for message, command in ((walk, "topk"), (why, "explain"), (expected, "xray")):
        receipt = await state_of(message)
        assert receipt["command"] == command
        shown = (await place.member.click(message, label="Details")).response
        replayed = (await place.member.click(shown, label="Replay")).response
        assert embed_of(replayed)["title"] == "Replay: identical"
    assert len((await state_of(walk))["options"]["after_ids"]) == 1
    assert "--temperature=1.5" in (await place.member.click(walk, label="Details")).response.embeds[0].description
    assert "--explain" in (await place.member.click(why, label="Details")).response.embeds[0].description


async def test_a_continued_text_is_replayed_from_its_beginning(place: Place) -> None:
    for options in ({}, {"strategy": "sample", "seed": 4}, {"strategy": "beam", "num_beams": 2}):
        first = (await place.member.slash(place.channel, "continue", prompt=PROMPT, **options)).response
        more = (await place.member.click(first, label="Continue (20 more)")).response
        shown = (await place.member.click(more, label="Details")).response
        replayed = (await place.member.click(shown, label="Replay")).response
        assert embed_of(replayed)["title"] == "Replay: identical"
        assert embed_of(replayed)["description"].startswith("40 output ids")
        no_command = shown.embeds[0].description == "No single terminal command reproduces this answer."
        assert no_command == (options.get("strategy") == "beam")  # a beam search that continued a text


async def test_a_long_text_s_command_is_in_a_file(place: Place) -> None:
    text = "It was a dark night. " * 80 + "The end."
    answer = (await place.member.slash(place.channel, "tokenize", text=text)).response
    shown = (await place.member.click(answer, label="Details")).response
    assert shown.embeds[0].description == "The terminal command is in the attached file command.txt."
    (file,) = [attachment for attachment in shown.attachments if attachment.filename == "command.txt"]
    assert shlex.split((await file.read()).decode())[-1] == text


async def test_a_replay_with_another_model_or_dtype_is_not_comparable(
    place: Place, settings: Settings, tmp_path: Path
) -> None:
    answer = (await place.member.slash(place.channel, "continue", prompt=PROMPT)).response
    shown = (await place.member.click(answer, label="Details")).response
    folder = str(shutil.copytree(DEMO_FOLDER, tmp_path / "another"))
    for name, dtype, what in (
        ("demo", "bfloat16", "uses another dtype"),
        (folder, "float32", "runs another model"),
    ):
        model = load_model(name, dtype=dtype, max_prompt_tokens=100)
        bot = Nightword(settings, make_executor(lambda model=model: model, settings))  # type: ignore[misc]  # a default
        await place.env.restart_bot(bot)
        bot.executor.wait_until_loaded()
        replayed = (await place.member.click(shown, label="Replay")).response
        assert embed_of(replayed) == {
            "title": "Replay: not comparable",
            "description": (
                f"The bot now {what}, so different numbers wouldn't mean that the answer above is wrong. To reproduce "
                "it, run the bot with the old model and dtype, or run the command from *Details* in a terminal."
            ),
            "color": 0xF0B232,
            "fields": [
                {"name": "Then", "value": "demo, float32"},
                {"name": "Now", "value": f"{'demo' if name == 'demo' else 'another'}, {dtype}"},
            ],
        }
        await bot.close()


class TestAGgufFile:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        info = replace(demo_model.info, name="/models/small.gguf", short_name="small.gguf", quantization="Q4_1")
        return lambda: fake_model(info, {ContinuationQuestion: demo_model.answer})

    async def test_its_receipt_names_file_and_quantization_and_another_file_is_another_model(
        self, place: Place, settings: Settings, demo_model: EngineModel
    ) -> None:
        answer = (await place.member.slash(place.channel, "continue", prompt=PROMPT, max_new_tokens=3)).response
        model = (await state_of(answer))["model"]
        assert (model["name"], model["quantization"], model["dtype"]) == ("small.gguf", "Q4_1", "float32")
        assert embed_of(answer)["footer"].startswith("small.gguf · Q4_1 in float32")
        shown = (await place.member.click(answer, label="Details")).response
        assert fields(shown)["Computation"].startswith("Q4\\_1 in float32 on cpu")
        description = str(embed_of(shown)["description"])
        assert "--model small.gguf" in description
        assert description.endswith("Replace the value of `--model` with the path of the file small.gguf.")
        replayed = (await place.member.click(shown, label="Replay")).response
        assert embed_of(replayed)["title"] == "Replay: identical"
        info = replace(demo_model.info, short_name="small.gguf", quantization="Q8_0")
        bot = Nightword(settings, make_executor(lambda: fake_model(info, {}), settings))
        await place.env.restart_bot(bot)
        bot.executor.wait_until_loaded()
        replayed = (await place.member.click(shown, label="Replay")).response
        assert fields(replayed) == {"Then": "small.gguf, Q4\\_1 in float32", "Now": "small.gguf, Q8\\_0 in float32"}
        await bot.close()


class TestAnotherEngine:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        infos = iter([replace(demo_model.info, engine="vllm", device="server", engine_path="vLLM 0.32.0")])
        return lambda: fake_model(next(infos), {ContinuationQuestion: demo_model.answer})

    async def test_its_receipt_names_it_and_a_replay_elsewhere_says_why_it_can_differ(
        self, place: Place, settings: Settings, demo_model: EngineModel
    ) -> None:
        answer = (await place.member.slash(place.channel, "continue", prompt=PROMPT, max_new_tokens=3)).response
        assert (await state_of(answer))["model"]["engine"] == "vllm"
        assert embed_of(answer)["footer"] == "demo · float32 · vllm"
        shown = (await place.member.click(answer, label="Details")).response
        assert "BOT_ENGINE=vllm" in str(embed_of(shown)["description"])
        bot = Nightword(settings, make_executor(lambda: demo_model, settings))
        await place.env.restart_bot(bot)
        bot.executor.wait_until_loaded()
        replayed = embed_of((await place.member.click(shown, label="Replay")).response)
        assert replayed["title"] == "Replay: not comparable"
        assert str(replayed["description"]).startswith(
            "The bot now uses another engine (transformers), which rounds differently and draws other texts from the "
            "same seed, so different numbers wouldn't mean that the answer above is wrong. To reproduce it, run the "
            "bot with the old engine (BOT_ENGINE=vllm), or run the command"
        )
        assert [entry["value"] for entry in replayed["fields"]] == [
            "demo, float32, engine vllm",
            "demo, float32, engine transformers",
        ]
        await bot.close()


class TestWhereAnotherTextComesOut:
    @pytest.fixture
    def load(self, demo_model: EngineModel) -> Callable[[], LanguageModel]:
        first = demo_model.answer(ContinuationQuestion(PROMPT, GenerationParameters.from_options(max_new_tokens=4)))
        ids = first.output_ids
        written = iter([first, replace(first, output_ids=(*ids[:2], 7, ids[3]))])
        return lambda: fake_model(demo_model.info, {ContinuationQuestion: lambda _: next(written)})

    async def test_the_first_difference_is_shown(self, place: Place) -> None:
        answer = (await place.member.slash(place.channel, "continue", prompt=PROMPT, max_new_tokens=4)).response
        shown = (await place.member.click(answer, label="Details")).response
        third = (await state_of(answer))["outputs"][0][2]
        replayed = (await place.member.click(shown, label="Replay")).response
        assert embed_of(replayed) == {
            "title": "Replay: different",
            "description": f"The first difference is at output id 3: **{third}** before, **7** now.",
            "color": 0xF0B232,
            "footer": "demo · float32",
        }


async def test_missing_data_is_named(place: Place) -> None:
    answer = (await place.member.slash(place.channel, "continue", prompt=PROMPT)).response
    remove_state(place.env, answer)
    (answer,) = place.channel.history(viewer=place.other)
    details = await place.other.click(answer, label="Details")
    more = await place.other.click(answer, label="Continue (20 more)")
    for refused in (details.response, more.followups[0]):
        assert refused.ephemeral
        assert embed_of(refused) == {
            "title": "Expired",
            "description": "This message no longer has the data that this button needs. Ask again.",
            "color": 0xF0B232,
        }


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf", b"\xff\xfe", b"", b"{}", b"\x89PNG", b"[" * 100_000,
        "prompt",
    ],
)  # fmt: skip
async def test_a_damaged_receipt_is_named(place: Place, content: bytes | str) -> None:
    answer = (await place.member.slash(place.channel, "topk", prompt=PROMPT)).response
    (stored,) = [
        attachment for attachment in place.env.backend.get_message(place.channel.id, answer.id).attachments
        if attachment["filename"] == "receipt.json"
    ]  # fmt: skip
    receipt = await state_of(answer)
    if isinstance(content, str):
        content = json.dumps(receipt | {"options": receipt["options"] | {content: 5}}).encode()
    place.env.backend.cdn._blobs[stored["url"]] = content
    for label in ("Details", "Sample"):
        clicked = await place.member.click(answer, label=label)
        refused = clicked.followups[0] if clicked.followups else clicked.response
        assert embed_of(refused) == {
            "title": "Expired",
            "description": "This message's file receipt.json can't be read. Ask again.",
            "color": 0xF0B232,
        }
