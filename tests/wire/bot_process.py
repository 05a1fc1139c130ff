"""The real bot in a process of its own, with Discord's two addresses replaced by ones on loopback."""

import sys

import discord
import yarl

from bot.__main__ import main


def run_bot(port: str, arguments: list[str]) -> None:
    """Run the command line against the small Discord on this port, and exit with its code."""
    discord.http.Route.BASE = f"http://127.0.0.1:{port}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://127.0.0.1:{port}/")
    sys.argv = ["nightword", *arguments]
    main()


if __name__ == "__main__":
    run_bot(sys.argv[1], sys.argv[2:])
