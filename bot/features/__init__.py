"""The features, one folder each. No feature imports another."""

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.util import find_spec
from types import ModuleType


def feature_modules(*parts: str) -> Iterator[ModuleType]:
    """Import and yield each feature's modules with these names. A single-file feature counts as its own `command`."""
    for feature in pkgutil.iter_modules(__path__, f"{__name__}."):
        is_single_file = not feature.ispkg
        if is_single_file:
            names = [feature.name] if "command" in parts else []
        else:
            names = [f"{feature.name}.{part}" for part in parts]
        for name in names:
            if find_spec(name) is not None:
                yield importlib.import_module(name)
