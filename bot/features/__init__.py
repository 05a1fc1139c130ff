"""What people can do, one folder a feature. No feature imports another."""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType


def feature_modules(*parts: str) -> Iterator[ModuleType]:
    """Import and yield, feature by feature, each module of one of these names; a feature of one file is its own."""
    for found in pkgutil.iter_modules(__path__, f"{__name__}."):
        names = [f"{found.name}.{part}" for part in parts] if found.ispkg else [found.name] * ("command" in parts)
        for name in names:
            if find_spec(name) is not None:
                yield importlib.import_module(name)
