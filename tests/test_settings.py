"""Settings come from the environment and `.env`, and a wrong one is reported in one line."""

import re
from pathlib import Path

import pytest

from bot.errors import InvalidSettings
from bot.settings import Settings, read_settings, variable_name

ENV_EXAMPLE = Path(__file__).parents[1] / ".env.example"
SECRET = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.planted"


def test_defaults() -> None:
    settings = read_settings()
    assert (settings.model, settings.dtype, settings.device) == ("Qwen/Qwen2-0.5B", "float32", "auto")
    assert (settings.queue_limit, settings.user_limit, settings.request_timeout) == (32, 2, 60)
    assert (settings.max_new_tokens, settings.max_prompt_tokens) == (256, 1024)


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("BOT_MODEL=from-file\nBOT_DTYPE=bfloat16\nDISCORD_TOKEN=abc\nUNRELATED=1\n")
    assert read_settings().model == "from-file"
    monkeypatch.setenv("BOT_MODEL", "from-environment")
    assert read_settings().model == "from-environment"
    assert read_settings(model="from-argument", dtype=None).model == "from-argument"
    assert read_settings().dtype == "bfloat16"
    token = read_settings().discord_token
    assert token is not None
    assert token.get_secret_value() == "abc"


@pytest.mark.parametrize("listed", ["12,34", " 12 , 34 ", "12 34,"])
def test_servers_are_listed_with_commas(monkeypatch: pytest.MonkeyPatch, listed: str) -> None:
    monkeypatch.setenv("BOT_GUILD_IDS", listed)
    assert read_settings().guild_ids == (12, 34)


@pytest.mark.parametrize(
    ("count", "ids", "problem"),
    [
        ("", "0", "BOT_SHARD_IDS needs BOT_SHARD_COUNT, the number of shards of all processes. Set both."),
        ("6", " , ", "BOT_SHARD_IDS names no shard. List whole numbers from 0 to 5"),
        ("6", "0,1,0", "BOT_SHARD_IDS names shard 0 more than once. List each shard once."),
        ("6", "5 6", "BOT_SHARD_IDS names shard 6, which doesn't exist. List whole numbers from 0 to 5"),
        ("6", "-1", "BOT_SHARD_IDS has an invalid value. It must be shard ids (whole numbers from 0) separated by"),
        ("six", "7", "BOT_SHARD_COUNT has an invalid value. It must be a whole number from 1 to 16,384."),
    ],
)
def test_wrong_shards_are_refused(monkeypatch: pytest.MonkeyPatch, count: str, ids: str, problem: str) -> None:
    monkeypatch.setenv("BOT_SHARD_COUNT", count)
    monkeypatch.setenv("BOT_SHARD_IDS", ids)
    with pytest.raises(InvalidSettings) as refusal:
        read_settings()
    assert str(refusal.value).startswith(problem)


def test_a_process_has_the_listed_shards_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().shards.has_all
    monkeypatch.setenv("BOT_SHARD_COUNT", "6")
    assert (len(read_settings().shards.ids), read_settings().shards.has_all) == (6, True)
    monkeypatch.setenv("BOT_SHARD_IDS", "3, 4")
    shards = read_settings().shards
    assert (shards.ids, shards.has_all, shards.has_first) == (frozenset({3, 4}), False, False)


def test_empty_values_count_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(variable_name(name), "")
    assert read_settings() == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("BOT_DTYPE", "float7", "must be float32, bfloat16, float16, int8 or int4."),
        ("BOT_DEVICE", "tpu", "must be auto, cpu, cuda or mps."),
        ("BOT_THREADS", "many", "must be a whole number from 1 to 1,024."),
        ("BOT_BATCH_SIZE", "0", "must be a whole number from 1 to 256."),
        ("BOT_QUEUE_LIMIT", "0", "must be a whole number from 1 to 10,000."),
        ("BOT_USER_LIMIT", "-1", "must be a whole number from 1 to 1,000."),
        ("BOT_REQUEST_TIMEOUT", "0", "must be a number of seconds above 0, up to 840."),
        ("BOT_MAX_NEW_TOKENS", "257", "must be a whole number from 1 to 256."),
        ("BOT_MAX_PROMPT_TOKENS", "1.5", "must be a whole number from 1 to 131,072."),
        ("BOT_GUILD_IDS", "12,x,y", "must be server ids (whole numbers) separated by commas."),
        ("BOT_GUILD_IDS", "-1", "must be server ids (whole numbers) separated by commas."),
        ("BOT_SHARD_COUNT", "0", "must be a whole number from 1 to 16,384."),
        ("BOT_DISCORD_PROXY_URL", "ftp://proxy", "must be http://SERVER:PORT or https://SERVER:PORT, without a path."),
        ("BOT_DISCORD_PROXY_URL", "proxy:80", "must be http://SERVER:PORT or https://SERVER:PORT, without a path."),
        ("BOT_DISCORD_PROXY_URL", "http://", "must be http://SERVER:PORT or https://SERVER:PORT, without a path."),
        ("BOT_DISCORD_PROXY_URL", "http://a/api", "must be http://SERVER:PORT or https://SERVER:PORT, without a path."),
        ("BOT_DISCORD_PROXY_URL", "http://a:b@c", "must be http://SERVER:PORT or https://SERVER:PORT, without a path."),
        ("BOT_DISCORD_PROXY_URL", "http://a:x", "must be http://SERVER:PORT or https://SERVER:PORT, without a path."),
        ("BOT_REVIEWS", "perhaps", "must be true or false."),
        *(
            ("BOT_DATABASE_URL", url, "must be sqlite+aiosqlite:///FILE or postgresql://USER:PASSWORD@SERVER/NAME.")
            for url in (
                "mysql://bot:password@server/reviews",
                "postgresql+psycopg://bot:password@server/reviews",
                "postgresql:server",
                "postgresql://",
                "sqlite:///reviews.db",
                "sqlite+aiosqlite:///",
                "sqlite+aiosqlite:///:memory:",
                "sqlite+aiosqlite:///reviews.db?mode=ro",
                "reviews.db",
            )
        ),
        ("BOT_LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING or ERROR."),
        ("BOT_LOG_JSON", "maybe", "must be true or false."),
    ],
)
def test_a_bad_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(InvalidSettings, match=rf"^{variable} has an invalid value. It {re.escape(allowed)}") as refusal:
        read_settings()
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 78


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_a_postgresql_url_gets_the_asyncpg_driver(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("BOT_DATABASE_URL", f"{scheme}://bot:a@b@server:5432/reviews?ssl=require")
    url = read_settings().database_url.get_secret_value()
    assert url == "postgresql+asyncpg://bot:a@b@server:5432/reviews?ssl=require"


def test_an_sqlite_url_is_kept_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().database_url.get_secret_value() == "sqlite+aiosqlite:///nightword.db"
    monkeypatch.setenv("BOT_DATABASE_URL", "sqlite+aiosqlite:////var/lib/nightword/reviews.db")
    assert read_settings().database_url.get_secret_value() == "sqlite+aiosqlite:////var/lib/nightword/reviews.db"


def test_a_file_that_is_not_utf_8_is_named() -> None:
    Path(".env").write_bytes(b"BOT_MODEL=\xff\n")
    with pytest.raises(InvalidSettings, match=r"^\.env is not valid UTF-8 text"):
        read_settings()


def test_a_blank_model_is_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings(model="").model == "Qwen/Qwen2-0.5B"
    monkeypatch.setenv("BOT_MODEL", " ")
    with pytest.raises(
        InvalidSettings, match=r"^BOT_MODEL .* must be a Hugging Face model id, a local folder, a GGUF file, or demo"
    ):
        read_settings()


def test_no_error_and_no_print_shows_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", SECRET)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("BOT_DATABASE_URL", f"postgresql://bot:{SECRET}@server/reviews")
    assert SECRET not in f"{read_settings()!r}{read_settings()}"
    monkeypatch.setenv("BOT_DTYPE", SECRET)
    with pytest.raises(InvalidSettings) as refusal:
        read_settings()
    assert SECRET not in str(refusal.value)
    assert refusal.value.__cause__ is None
    monkeypatch.setenv("BOT_DATABASE_URL", f"mysql://bot:{SECRET}@server/reviews")
    with pytest.raises(InvalidSettings) as refusal:
        read_settings()
    assert SECRET not in str(refusal.value)


def test_the_example_file_lists_every_setting_in_the_same_order() -> None:
    listed = re.findall(r"^#?([A-Z_]+)=$", ENV_EXAMPLE.read_text(), re.MULTILINE)
    assert listed == [variable_name(name) for name in Settings.model_fields]


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/v1/", "http://localhost:8000"),
        ("http://10.1.2.3", "http://10.1.2.3"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://vllm:8000", "http://vllm:8000"),  # a name is resolved when the bot connects
        ("https://models.example.org/", "https://models.example.org"),
    ],
)
def test_the_address_of_a_server(url: str, address: str) -> None:
    assert read_settings(engine="vllm", vllm_url=url).server_url == address


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8:8000", "ftp://127.0.0.1", "127.0.0.1:8000", "http://", "https://user:planted@example.org",
        "https://example.org/?key=planted", "https://example.org/some/path", "http://[::1", "http://127.0.0.1:planted", "http://127.0.0.1:99999",
    ],
)  # fmt: skip
def test_an_address_that_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        read_settings(engine="vllm", vllm_url=url)
    assert str(refused.value).startswith("BOT_VLLM_URL has an invalid value. It must be https://HOST, or http://HOST")
    assert "planted" not in str(refused.value)


def test_a_server_needs_an_address_and_a_dtype_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match="BOT_ENGINE=vllm needs BOT_VLLM_URL"):
        read_settings(engine="vllm")
    with pytest.raises(InvalidSettings, match="BOT_DTYPE=int8 needs BOT_ENGINE=transformers"):
        read_settings(engine="vllm", vllm_url="http://127.0.0.1:1", dtype="int8")
    with pytest.raises(InvalidSettings, match="BOT_MODEL is a GGUF file, which needs BOT_ENGINE=transformers"):
        read_settings(engine="vllm", vllm_url="http://127.0.0.1:1", model="owner/name/small.gguf")
    monkeypatch.setenv("BOT_VLLM_API_KEY", "planted")
    assert "planted" not in repr(read_settings())
