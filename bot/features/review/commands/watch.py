"""`/review watch`, `live`, `unwatch`, `backfill` and `exempt`: what is read and what is shown."""

from dataclasses import dataclass
from typing import Literal

import discord
from discord import app_commands

from bot.answers.answering import defer, reply
from bot.answers.client import Interaction
from bot.answers.error_reply import reply_on_error
from bot.errors import NotPermitted, OptionOutOfRange, UsageError
from bot.features.review.commands.asking import GivenRule, ask_in_place, set_question_live, stop_asking
from bot.features.review.commands.shared import (
    PLACE_OPTION,
    ReviewCommands,
    asker,
    require_watched,
    server,
    suggest_questions,
)
from bot.features.review.embeds.status import exempt_answer, live_answer, unwatch_answer, watch_answer
from bot.features.review.places import (
    LOG_NEEDS,
    Place,
    Readable,
    channels_in,
    check_bot,
    check_moderator,
    excluded_channels,
    excluded_threads,
    find_place,
    has_text_channels,
    visible_to,
)
from bot.features.review.reading.backfill import MOST
from bot.features.review.showing.notices import post_notices
from bot.storage.question_records import Direction
from bot.storage.records import ExemptionKind, Label, WatchedPlace

LABEL_NEEDS = {"none": (), "react": ("add_reactions",), "reply": ("send_messages",)}


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a watched place."""

    label: Label
    flag_below: float | None
    urgent_below: float | None
    log_channel_id: int | None
    excerpts: bool


class Watching(ReviewCommands):
    """Commands that change which places are watched, and their options."""

    @app_commands.command(extras={"example": "/review watch channel:#film-reviews flag_below:0.2 log_channel:#mods"})
    @app_commands.describe(
        channel=PLACE_OPTION,
        label="When live: a reaction or a small reply to every scored message",
        flag_below="When live: a message with P(positive) below this gets a card in log_channel; 0 for none",
        urgent_below="P(positive) below which a card is urgent; by default a quarter of flag_below; 0 for none",
        log_channel="Where the cards of flagged messages are posted; you need Manage Messages there too",
        excerpts="Show the beginning of a flagged message on its card for 30 days (needs Manage Server)",
        notice="Post a notice that tells members what is read and why",
        question="One of this server's questions to ask as well; its options are those below and log_channel",
        flag_label="The label that this question flags",
        threshold="P(flag_label) from which, or up to which, this question flags a message",
        direction="Whether it flags from the threshold upwards or downwards",
        calibration="contextual: divide each label's P by its P for texts without content, and scale them",
    )
    @reply_on_error
    async def watch(
        self,
        interaction: Interaction,
        channel: Place,
        label: Literal["none", "react", "reply"] | None = None,
        flag_below: app_commands.Range[float, 0.0, 1.0] | None = None,
        urgent_below: app_commands.Range[float, 0.0, 1.0] | None = None,
        log_channel: discord.TextChannel | None = None,
        excerpts: bool | None = None,
        notice: bool = True,
        question: str | None = None,
        flag_label: str | None = None,
        threshold: app_commands.Range[float, 0.0, 1.0] | None = None,
        direction: Direction | None = None,
        calibration: Literal["none", "contextual"] | None = None,
    ) -> None:
        """Score a channel's new messages, in shadow first. Run again to change only the options you give."""
        check_moderator(asker(interaction), channel, *([log_channel] if log_channel else []))
        before = await self._reader.store.places.get(channel.id)
        if question is not None:
            _check_only_question(label, flag_below, urgent_below, excerpts)
            if before is None:
                raise UsageError(f"{channel.mention} is not watched. First use /review watch without a question.")
            given = GivenRule(flag_label, threshold, direction, calibration, log_channel)
            await ask_in_place(interaction, self._reader, channel, question, given, notice=notice)
            return
        if any(option is not None for option in (flag_label, threshold, direction, calibration)):
            raise UsageError(
                "flag_label, threshold, direction and calibration belong to a question. Give question, too."
            )
        if excerpts and not asker(interaction).guild_permissions.manage_guild:
            raise NotPermitted("You need Manage Server to turn excerpts on, because they show members' words.")
        options = _merge_options(before, label, flag_below, urgent_below, log_channel, excerpts)
        _check(channel, options, is_live=before is not None and before.live)
        if before is None:
            for part in channels_in(channel):
                check_bot(part, "view_channel", "read_message_history", *(["send_messages"] if notice else []))
        if not await defer(interaction, private=True):
            return
        store = self._reader.store
        await store.places.watch(
            channel.id, channel.guild.id, flag_below=options.flag_below, urgent_below=options.urgent_below,
            log_channel_id=options.log_channel_id, label=options.label, excerpts=options.excerpts,
            watched_by=interaction.user.id, last_message_id=_last_message_id(channel),
        )  # fmt: skip
        self._reader.begin(channel.id, channel.guild.id)
        await store.audit.record(channel.guild.id, channel.id, interaction.user.id, "watch", _audit_detail(options))
        notices = await post_notices(store, channel) if before is None and notice else 0
        after = await require_watched(self._reader, channel, channel.mention)
        separate = [thread for thread in excluded_threads(channel) if thread.id not in self._reader.intake.places]
        answer = watch_answer(
            channel, after, is_new=before is None, notice=notice, notices=notices,
            left_out=visible_to(asker(interaction), excluded_channels(channel)),
            threads=visible_to(asker(interaction), separate) if has_text_channels(channel) else None,
        )  # fmt: skip
        await reply(interaction, answer)

    @app_commands.command(extras={"example": "/review live channel:#film-reviews"})
    @app_commands.describe(
        channel=PLACE_OPTION,
        on="False goes back to shadow: new scores are not shown",
        question="One of the channel's questions, instead of the channel itself",
    )
    @reply_on_error
    async def live(
        self, interaction: Interaction, channel: Place, on: bool = True, question: str | None = None
    ) -> None:
        """Show new scores: labels in the channel, cards in its log channel."""
        check_moderator(asker(interaction), channel)
        watched = await require_watched(self._reader, channel, channel.mention)
        if question is not None:
            await set_question_live(interaction, self._reader, channel, question, on=on)
            return
        if on:
            options = _merge_options(watched, None, None, None, None, None)
            if options.label == "none" and options.flag_below is None:
                raise UsageError(
                    f"{channel.mention} has no label and no flag_below, so there is nothing to show. Set a label, or "
                    "flag_below and a log_channel, with /review watch."
                )
            log = None if options.log_channel_id is None else find_place(channel.guild, options.log_channel_id)
            if log is not None:
                check_moderator(asker(interaction), log)
            _check(channel, options, is_live=True)
        if not await defer(interaction, private=True):
            return
        await self._reader.store.places.set_live(channel.id, live=on)
        action = "live" if on else "shadow"
        await self._reader.store.audit.record(channel.guild.id, channel.id, interaction.user.id, action, "")
        self._reader.publisher.wake()
        await reply(interaction, live_answer(channel, watched, on=on))

    @app_commands.command(extras={"example": "/review unwatch channel:#film-reviews"})
    @app_commands.describe(channel=PLACE_OPTION, question="Only stop asking this question there")
    @reply_on_error
    async def unwatch(self, interaction: Interaction, channel: Place, question: str | None = None) -> None:
        """Stop reading a channel and delete everything stored about it."""
        check_moderator(asker(interaction), channel)
        if question is not None:
            await stop_asking(interaction, self._reader, channel, question)
            return
        if not await defer(interaction, private=True):
            return
        watched = await self._reader.unwatch(channel.id)
        if watched is not None:
            await self._reader.store.audit.record(channel.guild.id, channel.id, interaction.user.id, "unwatch", "")
        await reply(interaction, unwatch_answer(channel, was_watched=watched is not None))

    @watch.autocomplete("question")
    @live.autocomplete("question")
    @unwatch.autocomplete("question")
    async def suggest(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        """Suggest this server's questions."""
        return await suggest_questions(self._reader.store, interaction, current)


def _check_only_question(*others: object) -> None:
    if any(other is not None for other in others):
        raise UsageError(
            "label, flag_below, urgent_below and excerpts belong to the channel itself. Set them without question."
        )


def _merge_options(
    before: WatchedPlace | None,
    label: Label | None,
    flag_below: float | None,
    urgent_below: float | None,
    log_channel: discord.TextChannel | None,
    excerpts: bool | None,
) -> Options:
    """Return the given options, with those of `before` where they are None."""
    flag = flag_below if flag_below is not None or before is None else before.flag_below
    urgent = urgent_below if urgent_below is not None or before is None else before.urgent_below
    return Options(
        label=label or (before.label if before else "none"),
        flag_below=flag or None,
        urgent_below=urgent,
        log_channel_id=log_channel.id if log_channel else before.log_channel_id if before else None,
        excerpts=excerpts if excerpts is not None else before is not None and before.excerpts,
    )


def _check(channel: Place, options: Options, *, is_live: bool) -> None:
    """Raise BotError if the options contradict each other, or the bot has no permission for them."""
    log = None if options.log_channel_id is None else find_place(channel.guild, options.log_channel_id)
    if options.flag_below is not None:
        if options.log_channel_id is None:
            raise UsageError("flag_below needs a log_channel for the cards of flagged messages. Give both.")
        if log is None:
            raise UsageError("The log channel was deleted, or the bot can't see it. Choose another log_channel.")
        if options.urgent_below is not None and options.urgent_below >= options.flag_below:
            limit = f"below flag_below, which is {options.flag_below:g}"
            raise OptionOutOfRange("urgent_below", f"{options.urgent_below:g}", limit)
        if any(log == part for part in (channel, *channels_in(channel))):
            raise UsageError("The log channel is itself watched. Choose one that only moderators can read.")
        check_bot(log, *LOG_NEEDS)
    if is_live:
        for part in channels_in(channel):
            check_bot(part, *LABEL_NEEDS[options.label])


def _last_message_id(channel: Place) -> int:
    """Return the id of the last message before watching begins; later ones are read."""
    if isinstance(channel, Readable):
        return channel.last_message_id or channel.id
    return discord.utils.time_snowflake(discord.utils.utcnow())


def _audit_detail(options: Options) -> str:
    parts = [f"label {options.label}"]
    if options.flag_below is not None:
        parts.append(f"flag_below {options.flag_below:g}, log <#{options.log_channel_id}>")
    return ", ".join([*parts, *(["excerpts"] if options.excerpts else [])])


class Backfilling(ReviewCommands):
    """The command that scores old messages."""

    @app_commands.command(extras={"example": "/review backfill channel:#film-reviews limit:500"})
    @app_commands.describe(channel=PLACE_OPTION, limit=f"How many messages to look at, newest first, up to {MOST:,}")
    @reply_on_error
    async def backfill(
        self, interaction: Interaction, channel: Place, limit: app_commands.Range[int, 1, MOST] = 500
    ) -> None:
        """Score old messages of a watched channel, after all other requests. Nothing is posted about them."""
        check_moderator(asker(interaction), channel)
        await require_watched(self._reader, channel, channel.mention)
        for part in channels_in(channel):
            check_bot(part, "view_channel", "read_message_history")
        if not await defer(interaction, private=True):
            return
        store = self._reader.store
        await store.audit.record(channel.guild.id, channel.id, interaction.user.id, "backfill", f"up to {limit:,}")
        await self._reader.backfills.run(interaction, channel, limit)


class Exempting(ReviewCommands):
    """The command that exempts a role or a person in this server."""

    @app_commands.command(extras={"example": "/review exempt who:@staff"})
    @app_commands.describe(
        who="The role or person whose messages are not read in this server", remove="End the exemption"
    )
    @reply_on_error
    async def exempt(self, interaction: Interaction, who: discord.Role | discord.Member, remove: bool = False) -> None:
        """Stop reading messages of a role or a person anywhere in this server. Bots are never read."""
        guild = server(interaction)
        if not asker(interaction).guild_permissions.manage_messages:
            raise NotPermitted("You need Manage Messages in the whole server for this, not only in one channel.")
        if isinstance(who, discord.Role) and who.is_default():
            raise UsageError("@everyone would exempt every member. Use /review unwatch on the channels instead.")
        if not await defer(interaction, private=True):
            return
        kind: ExemptionKind = "role" if isinstance(who, discord.Role) else "user"
        store = self._reader.store
        change = store.privacy.end_exemption if remove else store.privacy.exempt
        changed = await change(guild.id, kind, who.id)
        self._reader.intake.exemptions.invalidate(guild.id)
        if changed:
            action = "unexempt" if remove else "exempt"
            await store.audit.record(guild.id, None, interaction.user.id, action, who.mention)
        await reply(interaction, exempt_answer(who.mention, remove=remove, changed=changed))
