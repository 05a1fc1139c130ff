"""`/livez`, `/readyz` and `/metrics` of a bot in a process of its own."""

import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from sqlalchemy.engine import make_url

from tests.conftest import administer
from tests.wire.discord_peer import TOKEN, discord_on_loopback
from tests.wire.endpoints import Endpoints, Samples, free_port
from tests.wire.objects import APPLICATION, CHANNEL, GUILD
from tests.wire.rest import Fault
from tests.wire.review_server import LOG, grant_message_content, post_review, watch
from tests.wire.running import (
    PROMPT,
    only_line,
    started,
    started_fresh,
    until,
    until_loaded,
    wait_for_answer,
    wait_for_end,
)

PLANTED = "a-planted-text-canary"


@pytest.fixture
def endpoints() -> Endpoints:
    return Endpoints(free_port())


def listening(endpoints: Endpoints) -> dict[str, str]:
    return {"BOT_HTTP_PORT": str(endpoints.port)}


async def test_the_bot_is_ready_once_model_and_gateway_are_and_not_while_it_drains(
    tmp_path: Path, endpoints: Endpoints, slow_model: Path
) -> None:
    async with (
        discord_on_loopback() as (discord, port),
        started_fresh(port, cwd=tmp_path, BOT_MODEL=str(slow_model), **listening(endpoints)) as process,
    ):
        first = await endpoints.until("/readyz?verbose", 503)
        assert first == "gateway: not connected\nmodel: loading\nshutdown: ok\n"
        assert await endpoints.read("/livez") == (200, "ok\n")
        assert await endpoints.until("/readyz", 200) == "ok\n"
        assert await endpoints.read("/readyz?verbose") == (200, "gateway: ok\nmodel: ok\nshutdown: ok\n")
        slow = await discord.slash("continue", prompt="Once", max_new_tokens=256, strategy="beam", num_beams=10)
        await until(slow.acknowledged.is_set)
        process.send_signal(signal.SIGTERM)
        assert await endpoints.until("/readyz?verbose", 503) == "gateway: ok\nmodel: ok\nshutdown: shutting down\n"
        assert await endpoints.read("/readyz") == (503, "not ready: shutdown\n")
        assert await endpoints.read("/livez") == (200, "ok\n")
        assert (await endpoints.samples()).total("nightword_draining") == 1
        late = await wait_for_answer(await discord.slash("topk", user=2, prompt="Once"))
        assert late.titles == ["Shutting down"]
        code, _, err = await wait_for_end(process)
    assert code == 0
    assert "Traceback" not in err


async def test_a_bot_without_its_gateway_is_alive_but_not_ready(tmp_path: Path, endpoints: Endpoints) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, **listening(endpoints)):
        await until_loaded(discord)
        await endpoints.until("/readyz", 200)
        assert (await endpoints.samples()).total("nightword_gateway_reconnects_total") == 0
        discord.gateway.refuse_resume = True
        await discord.gateway.drop()
        assert await endpoints.until("/readyz?verbose", 503) == "gateway: not connected\nmodel: ok\nshutdown: ok\n"
        assert await endpoints.read("/readyz") == (503, "not ready: gateway\n")
        assert await endpoints.read("/livez") == (200, "ok\n")
        assert (await endpoints.samples()).total("nightword_ready", component="gateway") == 0
        discord.gateway.refuse_resume = False
        await endpoints.until("/readyz", 200)
        await endpoints.until_counted("nightword_gateway_reconnects_total", 1, how="resumed")


@pytest.mark.parametrize("url", ["PostgreSQL"], indirect=True)
async def test_a_bot_whose_database_has_gone_is_alive_but_not_ready(
    tmp_path: Path, endpoints: Endpoints, url: str
) -> None:
    name = make_url(url).database
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": url, **listening(endpoints)}
    async with discord_on_loopback(grant_message_content) as (discord, port), started(port, cwd=tmp_path, **settings):
        await until_loaded(discord)
        await endpoints.until("/readyz", 200)
        await administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connections = f"pg_stat_activity WHERE datname = '{name}'"
        await administer(f"SELECT pg_terminate_backend(pid) FROM {connections}")  # noqa: S608  # the fixture's name
        body = await endpoints.until("/readyz?verbose", 503)
        assert body == "gateway: ok\nmodel: ok\ndatabase: no connection\nshutdown: ok\n"
        assert await endpoints.read("/livez") == (200, "ok\n")
        samples = await endpoints.samples()
        assert samples.total("nightword_ready", component="database") == 0
        assert (await wait_for_answer(await discord.slash("topk", prompt=PROMPT))).titles == ["Next token"]
        await administer(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await endpoints.until("/readyz", 200)


OUTCOMES = {
    "answered", "stopped", "invalid", "refused", "timed_out", "cancelled", "unacknowledged", "undelivered", "failed",
}  # fmt: skip
LABELS = {
    "command": {
        *("topk", "continue", "sentiment", "tokenize", "xray", "sampler", "contrast", "layers", "why", "compare"),
        *("guess", "model", "help"),
        *("Score sentiment", "Tokenize", "X-ray", "other"),
        *("DetailsButton", "ReplayButton", "AgainButton", "PromptForm"),
        *("review status", "privacy info"),
    },
    "outcome": OUTCOMES,
    "component": {"gateway", "model", "database"},
    "work": {"interactive", "background"},
    "phase": {"prefill", "decode"},
    "reason": {"not_finite", "model", "database", "unreadable", "bot", "other"},
    "state": {"waiting", "given_up"},
    "kind": {"card", "digest"},
    "method": {"GET", "POST", "PUT", "PATCH", "DELETE", "other"},
    "resource": {
        *("applications", "channels", "gateway", "guilds", "interactions", "oauth2", "users", "webhooks", "other"),
    },
    "how": {"resumed", "identified"},
}


def check_labels(samples: Samples) -> None:
    """Check that every label of ours has one of its fixed values."""
    for family in samples.families:
        if not family.name.startswith("nightword_") or family.name == "nightword_build_info":
            continue
        for sample in family.samples:
            for label, value in sample.labels.items():
                if label == "le":
                    assert re.fullmatch(r"\+Inf|[0-9.]+", value)
                elif label == "status":
                    assert re.fullmatch(r"[1-5][0-9][0-9]|error", value)
                else:
                    assert value in LABELS[label], (sample.name, label, value)


async def test_no_body_holds_an_id_a_token_a_text_or_an_address(
    tmp_path: Path, endpoints: Endpoints, sqlite_url: str
) -> None:
    settings = {"BOT_REVIEWS": "true", "BOT_DATABASE_URL": sqlite_url, **listening(endpoints)}
    async with discord_on_loopback(grant_message_content) as (discord, port):
        await watch(sqlite_url, discord, flag_below=1.0)
        async with started(port, cwd=tmp_path, **settings):
            await until_loaded(discord)
            asked = [
                await discord.slash("topk", user=1, prompt=PLANTED),
                await discord.slash("topk", user=2, prompt=PLANTED * 600),  # too long
                await discord.slash("continue", user=3, prompt=PLANTED, max_new_tokens=3),
                await discord.slash("help", user=4),
                await discord.slash("continue", user=5),  # a form
                await discord.menu("Tokenize", PLANTED, user=6),
                await discord.menu("Tokenize", "", user=7),  # no text
            ]
            for interaction in asked:
                await wait_for_answer(interaction)
            submitted = await wait_for_answer(await discord.submit(asked[4], {"prompt": PLANTED}))
            assert submitted.original is not None
            details = await wait_for_answer(await discord.press("Details", submitted.original))
            reviews = [post_review(discord, f"{PLANTED}, a film, number {number}.", number) for number in range(4)]
            for review in reviews:
                await discord.gateway.dispatch("MESSAGE_CREATE", review)
            await endpoints.until_counted("nightword_review_posts_total", 4, kind="card")
            interactions = [*asked, submitted, details]
            samples = await endpoints.until_counted("nightword_interactions_total", len(interactions) + 1)
            bodies = [
                samples.body,
                (await endpoints.read("/readyz?verbose"))[1],
                (await endpoints.read("/livez"))[1],
                (await endpoints.read(f"/{PLANTED}"))[1],
                (await endpoints.read("/metrics", "application/openmetrics-text"))[1],
            ]
    assert samples.total("nightword_reviews_scored_total") == 4
    assert samples.total("nightword_interactions_total", command="topk", outcome="answered") == 1
    assert samples.total("nightword_interactions_total", command="topk", outcome="invalid") == 1
    assert samples.total("nightword_interactions_total", command="PromptForm", outcome="answered") == 1
    assert samples.total("nightword_interactions_total", command="Tokenize", outcome="invalid") == 1
    assert samples.total("nightword_acknowledgement_seconds_count") >= len(interactions)
    assert samples.total("nightword_discord_requests_total", resource="webhooks", method="PATCH", status="200") > 0
    assert samples.total("nightword_tokens_total", phase="prefill") > 0
    assert samples.total("nightword_time_to_first_token_seconds_count") == 2
    assert samples.total("process_resident_memory_bytes") > 0
    check_labels(samples)
    ids = [APPLICATION, GUILD, CHANNEL, LOG, *(str(900 + user) for user in range(1, 8))]
    ids += [interaction.id for interaction in interactions] + [review["id"] for review in reviews]
    secrets = [TOKEN, *TOKEN.split("."), "canary", "interaction-token", *(interaction.token for interaction in asked)]
    for body in bodies:
        quoted = " ".join(re.findall(r'"([^"]*)"', body))  # the label values
        assert not re.search(r"\d{3,}", re.sub(r"\b[1-5]\d\d\b|[0-9]+\.[0-9.]+", "", quoted))
        for text in (*secrets, *(id_ for id_ in ids if len(id_) > 3), "://", "sqlite", str(tmp_path), "Traceback"):
            assert text not in body, text


async def test_prometheus_can_read_both_formats(tmp_path: Path, endpoints: Endpoints) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, **listening(endpoints)):
        await until_loaded(discord)
        await wait_for_answer(await discord.slash("topk", prompt=PROMPT))
        samples = await endpoints.samples()
        _, openmetrics = await endpoints.read("/metrics", "application/openmetrics-text; version=1.0.0")
    text = {family.name: family.type for family in samples.families}
    families = parse_openmetrics(openmetrics)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    assert {family.name for family in families} >= {
        "nightword_interactions", "nightword_build", "nightword_queue_length", "process_cpu_seconds",
    }  # fmt: skip
    for name, kind in text.items():
        assert kind != "counter" or not name.endswith(("_seconds", "_bytes")) or name.startswith("process_")
    if promtool := shutil.which("promtool"):
        done = subprocess.run(  # noqa: ASYNC221, S603  # Prometheus' own tool, after the bot has ended
            [promtool, "check", "metrics"], input=samples.body, capture_output=True, text=True, check=False
        )
        problems = [line for line in done.stderr.splitlines() + done.stdout.splitlines() if "nightword" in line]
        assert problems == []


async def test_a_port_in_use_ends_the_bot_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        async with started(9, cwd=tmp_path, BOT_HTTP_PORT=str(number), BOT_LOG_LEVEL="ERROR") as process:
            code, out, err = await wait_for_end(process)
    assert (code, out) == (78, "")
    assert only_line(err).startswith(
        f"nightword: BOT_HTTP_PORT is {number}, but the bot can't listen on 127.0.0.1:{number}: address already in use."
    )


async def test_without_a_port_the_bot_listens_nowhere(tmp_path: Path) -> None:
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path) as process:
        await until_loaded(discord)
        sockets = Path(f"/proc/{process.pid}/net/tcp")
        if not sockets.exists():
            pytest.skip("no /proc here")
        inodes = {
            match[1]
            for link in Path(f"/proc/{process.pid}/fd").iterdir()
            if (match := re.match(r"socket:\[(\d+)\]", str(link.readlink()) if link.is_symlink() else ""))
        }
        rows = [line.split() for line in sockets.read_text().splitlines()[1:]]
        listening_rows = [row for row in rows if row[3] == "0A" and row[9] in inodes]
    assert listening_rows == []


async def test_each_interaction_ends_in_one_way(tmp_path: Path, endpoints: Endpoints, slow_model: Path) -> None:
    settings = {"BOT_MODEL": str(slow_model), "BOT_BATCH_SIZE": "1", "BOT_QUEUE_LIMIT": "1", **listening(endpoints)}
    long: dict[str, Any] = {"prompt": PROMPT, "max_new_tokens": 256}
    async with discord_on_loopback() as (discord, port), started(port, cwd=tmp_path, **settings):
        await until_loaded(discord)
        before = (await endpoints.samples()).total("nightword_interactions_total")
        running = await discord.slash("continue", user=1, **long)
        await until(lambda: running.is_draft)
        waiting = await discord.slash("continue", user=2, **long)
        await until(lambda: waiting.is_draft)
        refused = await wait_for_answer(await discord.slash("topk", user=3, prompt=PROMPT))
        assert refused.titles == ["Busy"]
        assert (await endpoints.samples()).total("nightword_queue_length") == 1
        assert (await endpoints.samples()).total("nightword_interactions_in_progress") == 2
        for interaction in (waiting, running):
            assert interaction.original is not None
            await discord.press("Stop", interaction.original, user=interaction.user)
            await wait_for_answer(interaction)
        assert (waiting.titles, running.titles) == (["Cancelled"], ["Continuation"])
        discord.callback_faults.append(Fault(404, body={"code": 10062, "message": "Unknown interaction"}))
        unacknowledged = await discord.slash("topk", user=4, prompt=PROMPT)
        await until(unacknowledged.refused.is_set)
        discord.edit_faults.append(Fault(404, body={"code": 10008, "message": "Unknown Message"}))
        undelivered = await discord.slash("topk", user=5, prompt=PROMPT)
        samples = await endpoints.until_counted("nightword_interactions_total", before + 7)
    assert undelivered.edits == 0
    counted = {(labels["command"], labels["outcome"]): n for labels, n in samples.find("nightword_interactions_total")}
    counted = {key: count for key, count in counted.items() if key[0] != "tokenize"}  # asked until the model was there
    assert counted == {
        ("continue", "stopped"): 1,
        ("continue", "cancelled"): 1,
        ("topk", "refused"): 1,
        ("StopButton", "answered"): 2,
        ("topk", "unacknowledged"): 1,
        ("topk", "undelivered"): 1,
    }
    assert samples.total("nightword_discord_requests_total", resource="webhooks", status="404") == 1
