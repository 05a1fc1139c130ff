"""The picture of a command in a terminal: a file that is written whole or not at all."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from bot.errors import BotError, UsageError
from bot.rendering.pictures.picture import Picture

P = ParamSpec("P")


def picture_target(file: str | None) -> Path | None:
    """Return where a picture is to be written, None where none is wanted. Raises UsageError where none can be.

    It is asked for before the model is loaded, so that nobody waits for what cannot be written.
    """
    if file is None:
        return None
    if not file.lower().endswith(".png"):
        raise UsageError(
            f"--png {file} cannot be written: the picture is a PNG in a file. Give it a name that ends in .png."
        )
    try:
        target = Path(file).resolve()  # what a link points to is replaced, and not the link
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        beside = _beside(target)
        beside.touch()
        beside.unlink()
    except (OSError, RuntimeError) as error:  # RuntimeError: links that point to each other
        raise _unwritable(file, error) from None
    return target


def write_picture(target: Path | None, draw: Callable[P, Picture], *args: P.args, **kwargs: P.kwargs) -> None:
    """Draw and write a picture where one is wanted; a file that was there is replaced by the whole of the new one."""
    if target is None:
        return
    png, beside = draw(*args, **kwargs).png, _beside(target)
    try:
        beside.write_bytes(png)
        beside.replace(target)
    except OSError as error:
        raise BotError(f"The picture {target} could not be written: {error.strerror}.") from None
    finally:
        beside.unlink(missing_ok=True)  # half a picture, if the writing was cut short


def _beside(target: Path) -> Path:
    """Return a file in the same folder, from which the target can be replaced in one step."""
    return target.with_name(f".nightword-{os.getpid()}.png")


def _unwritable(file: str | Path, error: OSError | RuntimeError) -> UsageError:
    problem = error.strerror if isinstance(error, OSError) else "its links point to each other"
    return UsageError(f"{file} cannot be written: {problem}. Name a .png file in a folder that may be written to.")
