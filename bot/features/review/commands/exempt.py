"""`/review exempt`: roles and people whose messages are not read."""

import discord
from discord import app_commands

from bot.answers.answering import defer, reply
from bot.answers.client import Interaction
from bot.answers.error_reply import reply_on_error
from bot.errors import NotPermitted, UsageError
from bot.features.review.commands.shared import ReviewCommands, asker, server
from bot.features.review.embeds.status import exempt_answer
from bot.storage.records import ExemptionKind


class Exempting(ReviewCommands):
    """The command that says whose messages are not read in this server."""

    @app_commands.command(extras={"example": "/review exempt who:@staff"})
    @app_commands.describe(
        who="A role, or a person, whose messages are not read in this server", remove="Read them again"
    )
    @reply_on_error
    async def exempt(self, interaction: Interaction, who: discord.Role | discord.Member, remove: bool = False) -> None:
        """Do not read the messages of a role or a person, in any channel of this server; bots never are."""
        guild = server(interaction)
        if not asker(interaction).guild_permissions.manage_messages:
            raise NotPermitted("For this you need Manage Messages in the whole server, not in one channel alone.")
        if isinstance(who, discord.Role) and who.is_default():
            raise UsageError("@everyone are all of its members. Unwatch the channels instead, with /review unwatch.")
        if not await defer(interaction, private=True):
            return
        kind: ExemptionKind = "role" if isinstance(who, discord.Role) else "user"
        store = self._reader.store
        changed = True
        if remove:
            changed = await store.privacy.end_exemption(guild.id, kind, who.id)
        else:
            await store.privacy.exempt(guild.id, kind, who.id)
        self._reader.intake.exemptions.invalidate(guild.id)
        await store.audit.record(guild.id, None, interaction.user.id, "unexempt" if remove else "exempt", who.mention)
        await reply(interaction, exempt_answer(who.mention, remove=remove, changed=changed))
