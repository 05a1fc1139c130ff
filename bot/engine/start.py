"""Building the executor and loading the model from the settings."""

from bot.engine.executor import ModelExecutor
from bot.questions.language_model import LanguageModel, display_name
from bot.settings import Settings, keep_few_kernels


def build_executor(settings: Settings) -> ModelExecutor:
    """Return an executor that will load the model of `settings` in its own thread."""
    return ModelExecutor(
        lambda: load_language_model(settings),
        name=display_name(settings.model),
        batch_size=settings.batch_size,
        queue_limit=settings.queue_limit,
        user_limit=settings.user_limit,
        request_timeout=settings.request_timeout,
    )


def load_language_model(settings: Settings) -> LanguageModel:
    """Load the model of `settings`. Raises ModelUnavailable."""
    keep_few_kernels()
    # torch and transformers take seconds to import: here, so that the event loop and `--help` need not wait for them.
    from bot.engine.transformers.loading import load_model

    return load_model(
        settings.model,
        revision=settings.model_revision,
        token=settings.hf_token.get_secret_value() if settings.hf_token else None,
        dtype=settings.dtype,
        device=settings.device,
        threads=settings.threads,
        max_prompt_tokens=settings.max_prompt_tokens,
    )
