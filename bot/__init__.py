"""Nightword: a Discord bot that opens a small language model to a community."""

from importlib.metadata import version

__version__ = version("nightword")
