"""Every setting, read from the environment and `.env`. No other module reads the environment."""

import difflib
import ipaddress
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import SplitResult, urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.errors import InvalidSettings
from bot.questions.language_model import DType, EngineName
from bot.questions.options import MAX_NEW_TOKENS
from bot.storage.database_url import ALLOWED, async_url
from bot.storage.shards import Shards

Device = Literal["auto", "cpu", "cuda", "mps"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_PREFIX = "BOT_"
_UNPREFIXED = ("discord_token", "hf_token")


def _whole_number(smallest: int, largest: int) -> FieldInfo:
    text = f"a whole number from {smallest:,} to {largest:,}"
    field: FieldInfo = Field(ge=smallest, le=largest, description=text)
    return field


def _one_of(literal: object) -> FieldInfo:
    *first, last = get_args(literal)
    field: FieldInfo = Field(description=f"{', '.join(first)} or {last}")
    return field


def _split(listed: object) -> object:
    return listed.replace(",", " ").split() if isinstance(listed, str) else listed


def _expand_home(file: Path | None) -> Path | None:
    return None if file is None else file.expanduser()


def _address(url: str, *paths: str) -> SplitResult:
    """Return the parts of a server's http or https URL. Its path must be empty or one of `paths`. Raises ValueError."""
    parts = urlsplit(url)
    extras = parts.username is not None or parts.query or parts.fragment or parts.path.rstrip("/") not in ("", *paths)
    # `port` raises if it is no number.
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0 or extras:
        raise ValueError("not the address of a server")
    return parts


def _check_vllm_url(url: str | None) -> str | None:
    if url is None:
        return None
    parts = _address(url, "/v1")
    if parts.scheme == "http" and _is_public(parts.hostname or ""):
        raise ValueError("not the address of a private server")
    return f"{parts.scheme}://{parts.netloc}"


def _is_public(host: str) -> bool:
    """Return whether `host` is a public IP address. A name is resolved later, and its address is checked then."""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def _with_driver(url: SecretStr) -> SecretStr:
    return SecretStr(async_url(url.get_secret_value()))


class _Explained(ValueError):
    """An invalid value whose message is the whole line for the operator."""


def _check_shard_ids(ids: tuple[int, ...] | None, info: ValidationInfo) -> tuple[int, ...] | None:
    if ids is None or "shard_count" not in info.data:
        return ids  # an invalid count is reported by itself
    count = info.data["shard_count"]
    if count is None:
        raise _Explained("BOT_SHARD_IDS needs BOT_SHARD_COUNT, the number of shards of all processes. Set both.")
    allowed = f"whole numbers from 0 to {count - 1}, because BOT_SHARD_COUNT is {count}"
    if not ids:
        raise _Explained(f"BOT_SHARD_IDS names no shard. List {allowed}, or leave it empty for all shards.")
    if twice := sorted(shard for shard, times in Counter(ids).items() if times > 1):
        raise _Explained(f"BOT_SHARD_IDS names shard {twice[0]} more than once. List each shard once.")
    if wrong := sorted(shard for shard in ids if shard >= count):
        raise _Explained(f"BOT_SHARD_IDS names shard {wrong[0]}, which doesn't exist. List {allowed}.")
    return ids


def _check_proxy_url(url: str | None) -> str | None:
    if url is None:
        return None
    _address(url)
    return url.rstrip("/")


Snowflake = Annotated[int, Field(ge=1, lt=2**63)]


class Settings(BaseSettings):
    """The bot's settings. An empty value counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        str_strip_whitespace=True,
    )

    discord_token: Annotated[SecretStr | None, Field(validation_alias="DISCORD_TOKEN")] = None
    hf_token: Annotated[SecretStr | None, Field(validation_alias="HF_TOKEN")] = None
    guild_ids: Annotated[
        tuple[Snowflake, ...],
        NoDecode,
        BeforeValidator(_split),
        Field(description="server ids (whole numbers) separated by commas"),
    ] = ()
    shard_count: Annotated[int | None, _whole_number(1, 16_384)] = None
    shard_ids: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...] | None,
        NoDecode,
        BeforeValidator(_split),
        AfterValidator(_check_shard_ids),
        Field(description="shard ids (whole numbers from 0) separated by commas"),
    ] = None
    discord_proxy_url: Annotated[
        str | None,
        AfterValidator(_check_proxy_url),
        Field(description="http://SERVER:PORT or https://SERVER:PORT, without a path"),
    ] = None
    model: Annotated[
        str, Field(min_length=1, description="a Hugging Face model id, a local folder, a GGUF file, or demo")
    ] = "Qwen/Qwen2-0.5B"
    model_revision: str | None = None
    engine: Annotated[EngineName, _one_of(EngineName)] = "transformers"
    vllm_url: Annotated[
        str | None,
        AfterValidator(_check_vllm_url),
        Field(description="https://HOST, or http://HOST:PORT with a private address, such as http://127.0.0.1:8000"),
    ] = None
    vllm_api_key: SecretStr | None = None
    dtype: Annotated[DType, _one_of(DType)] = "float32"
    device: Annotated[Device, _one_of(Device)] = "auto"
    threads: Annotated[int | None, _whole_number(1, 1024)] = None
    batch_size: Annotated[int, _whole_number(1, 256)] = 16
    queue_limit: Annotated[int, _whole_number(1, 10_000)] = 32
    user_limit: Annotated[int, _whole_number(1, 1000)] = 2
    request_timeout: Annotated[float, Field(gt=0, le=840, description="a number of seconds above 0, up to 840")] = 60.0
    max_new_tokens: Annotated[int, _whole_number(1, MAX_NEW_TOKENS)] = MAX_NEW_TOKENS
    max_prompt_tokens: Annotated[int, _whole_number(1, 131_072)] = 1024
    reviews: Annotated[bool, Field(description="true or false")] = False
    database_url: Annotated[SecretStr, AfterValidator(_with_driver), Field(description=ALLOWED)] = SecretStr(
        "sqlite+aiosqlite:///nightword.db"
    )
    heartbeat_file: Annotated[Path | None, AfterValidator(_expand_home)] = None
    http_port: Annotated[int | None, _whole_number(1, 65_535)] = None
    http_host: Annotated[str, Field(min_length=1, description="an IP address or host name of this machine")] = (
        "127.0.0.1"
    )
    log_level: Annotated[LogLevel, _one_of(LogLevel)] = "INFO"
    log_json: Annotated[bool, Field(description="true or false")] = False

    @property
    def hub_token(self) -> str | None:
        """The Hugging Face token, or None."""
        return None if self.hf_token is None else self.hf_token.get_secret_value()

    @property
    def server_url(self) -> str:
        """The address of the vLLM server. Raises InvalidSettings if the settings name none."""
        if self.vllm_url is None:
            raise InvalidSettings(
                "BOT_ENGINE=vllm needs BOT_VLLM_URL, the address of the server, such as http://127.0.0.1:8000."
            )
        return self.vllm_url

    @property
    def shards(self) -> Shards:
        """The shards of this process."""
        return Shards.of(self.shard_count, self.shard_ids)


def read_settings(**overrides: object) -> Settings:
    """Return the settings. `overrides` take precedence over the environment unless they are None or empty.

    Raises InvalidSettings with one line. It names the variable and what is allowed, but never the given value.
    """
    given = {name: value for name, value in overrides.items() if value is not None and value != ""}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]  # the overrides are checked by pydantic
    except (UnicodeDecodeError, OSError):
        raise InvalidSettings(".env is not valid UTF-8 text. Save it as UTF-8.") from None
    except ValidationError as error:
        problems = dict.fromkeys(_problem(str(entry["loc"][0]), entry.get("ctx", {})) for entry in error.errors())
        raise InvalidSettings(" ".join(problems)) from None
    if settings.engine == "vllm":
        _check_server_settings(settings)
    return settings


def _check_server_settings(settings: Settings) -> None:
    """Raise InvalidSettings if there is no address, or a dtype or file that a server doesn't compute with."""
    if settings.model.endswith(".gguf"):
        raise InvalidSettings(
            "BOT_MODEL is a GGUF file, which needs BOT_ENGINE=transformers. For a vLLM server, name a model with "
            "safetensors weights."
        )
    if settings.server_url and settings.dtype in ("int8", "int4"):
        raise InvalidSettings(
            f"BOT_DTYPE={settings.dtype} needs BOT_ENGINE=transformers. Set BOT_DTYPE to the server's --dtype."
        )


def variable_name(field: str) -> str:
    """Return the environment variable that holds `field`."""
    return field.upper() if field.lower() in _UNPREFIXED else _PREFIX + field.upper()


def unknown_variables() -> dict[str, str | None]:
    """Return variables that start with BOT_ but are not settings, each with the most similar setting or None."""
    known = [variable_name(field) for field in Settings.model_fields]
    given = {*os.environ, *dotenv_values(".env")}
    unknown = sorted(name for name in given if name.upper().startswith(_PREFIX) and name.upper() not in known)
    return {name: next(iter(difflib.get_close_matches(name.upper(), known, n=1)), None) for name in unknown}


def _problem(field: str, context: Mapping[str, object]) -> str:
    reason = context.get("error")
    if isinstance(reason, _Explained):
        return str(reason)
    allowed = Settings.model_fields[field].description
    return f"{variable_name(field)} has an invalid value. It must be {allowed}."


def limit_kernel_cache() -> None:
    """Limit the caches of compiled kernels to 40 each, unless the environment sets other limits.

    oneDNN compiles a kernel for each shape of a product, in about 1 ms. Both it and PyTorch's ideep keep 1,024 of them,
    which took 0.6 MB each: hundreds of megabytes after a few thousand texts of different lengths. A pass needs 5, one
    for each shape of the weights.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "40")
    os.environ.setdefault("LRU_CACHE_CAPACITY", "40")  # ideep's


def hide_download_bars() -> None:
    """Turn off huggingface_hub's progress bars. It reads the variable once, when it is imported."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def hide_torch_advice() -> None:
    """Turn off the advice of transformers to install torch. It reads the variable when it is imported."""
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")


def wants_escape_sequences() -> bool | None:
    """Return True or False if the environment turns bold and colours on or off, or None if it doesn't say.

    The variables are read in Python's order: PYTHON_COLORS, NO_COLOR (https://no-color.org), FORCE_COLOR
    (https://force-color.org). An empty variable counts as unset.
    """
    python_colors = os.environ.get("PYTHON_COLORS")
    if python_colors in {"0", "1"}:
        return python_colors == "1"
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def is_dumb_terminal() -> bool:
    """Return whether the terminal doesn't support escape sequences."""
    return os.environ.get("TERM") == "dumb"
