"""Write the picture of a terminal command to a file, completely or not at all."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from bot.errors import BotError, UsageError
from bot.rendering.pictures.picture import Picture

P = ParamSpec("P")


def picture_target(file: str | None) -> Path | None:
    """Return the path for the picture, or None if `file` is None. Raises UsageError if the file can't be written.

    Call it before loading the model, to report the error at once.
    """
    if file is None:
        return None
    if not file.lower().endswith(".png"):
        raise UsageError(f"--png {file} cannot be written: the picture is a PNG file. Use a name that ends in .png.")
    try:
        target = Path(file).resolve()  # replaces the target of a link, not the link
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        temporary = _temporary_file(target)
        temporary.touch()
        temporary.unlink()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise _write_error(file, error) from None
    return target


def write_picture(target: Path | None, draw: Callable[P, Picture], *args: P.args, **kwargs: P.kwargs) -> None:
    """Draw and write a picture, unless `target` is None. An existing file is replaced in one step."""
    if target is None:
        return
    png, temporary = draw(*args, **kwargs).png, _temporary_file(target)
    try:
        temporary.write_bytes(png)
        temporary.replace(target)
    except OSError as error:
        raise BotError(f"The picture {target} could not be written: {error.strerror}.") from None
    finally:
        temporary.unlink(missing_ok=True)  # left over from an interrupted write


def _temporary_file(target: Path) -> Path:
    """Return a path in the target's folder: a rename within a folder replaces the target in one step."""
    return target.with_name(f".nightword-{os.getpid()}.png")


def _write_error(file: str | Path, error: OSError | RuntimeError) -> UsageError:
    problem = error.strerror if isinstance(error, OSError) else "its links form a loop"
    return UsageError(f"{file} cannot be written: {problem}. Choose a .png file in a folder that you can write to.")
