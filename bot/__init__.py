"""Nightword: a Discord bot that lets a community explore a small language model."""

from importlib.metadata import version

__version__ = version("nightword")
