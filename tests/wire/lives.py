"""The real bot, one life after the other: `python -m tests.wire.lives PORT`, with a line for each life.

Each life is a process forked from one that has imported everything and started nothing. Its process id is printed, and
after its end `gone`.
"""

import os
import sys

import discord
import yarl

import bot.engine.transformers.loading
import bot.features.review.reader  # noqa: F401 – imported here, so that no life has to
from bot.__main__ import main
from tests.same_kernels import choose_same_kernels


def say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def lives(port: str) -> None:
    discord.http.Route.BASE = f"http://127.0.0.1:{port}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://127.0.0.1:{port}/")
    while sys.stdin.readline():
        if process := os.fork():
            say(process)
            os.waitpid(process, 0)
            say("gone")
        else:
            sys.argv = ["nightword", "run"]
            main()


if __name__ == "__main__":
    choose_same_kernels()
    lives(sys.argv[1])
