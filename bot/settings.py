"""Every setting, read from the environment and `.env`; nothing else reads the environment."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import InvalidSettings
from bot.inference.generation_parameters import MAX_NEW_TOKENS

DType = Literal["float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda", "mps"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_PREFIX = "BOT_"
_UNPREFIXED = ("discord_token", "hf_token")


class Settings(BaseSettings):
    """The bot's settings; an empty value counts as unset."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    discord_token: Annotated[SecretStr | None, Field(validation_alias="DISCORD_TOKEN")] = None
    hf_token: Annotated[SecretStr | None, Field(validation_alias="HF_TOKEN")] = None
    model: str = "Qwen/Qwen2-0.5B"
    model_revision: str | None = None
    dtype: DType = "float32"
    device: Device = "auto"
    threads: Annotated[int | None, Field(ge=1, le=1024)] = None
    queue_limit: Annotated[int, Field(ge=1, le=10_000)] = 32
    user_limit: Annotated[int, Field(ge=1, le=1000)] = 2
    request_timeout: Annotated[float, Field(gt=0, le=840)] = 60.0
    max_new_tokens: Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)] = MAX_NEW_TOKENS
    max_prompt_tokens: Annotated[int, Field(ge=1, le=131_072)] = 1024
    log_level: LogLevel = "INFO"
    log_json: bool = False


def read_settings(**overrides: object) -> Settings:
    """Return the settings; `overrides` that are None are left to the environment.

    Raises InvalidSettings in one line that names the variable, the problem and what is allowed, and never the value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # the overrides are checked by pydantic
    except ValidationError as error:
        raise InvalidSettings("; ".join(_problem(entry["loc"], entry["msg"]) for entry in error.errors())) from None


def variable_name(field: str) -> str:
    """Return the environment variable that holds `field`."""
    return field.upper() if field.lower() in _UNPREFIXED else _PREFIX + field.upper()


def _problem(location: tuple[int | str, ...], message: str) -> str:
    return f"{variable_name(str(location[0]))}: {message[:1].lower()}{message[1:]}."
