"""The buttons below a case's card and `/review status`, and the menu below a digest. All work after a restart."""

import re
from collections.abc import Collection, Sequence
from typing import Any

import discord

from bot.answers.client import Interaction
from bot.answers.components import Form, PersistentButton, PersistentMenu, view_of
from bot.answers.delivery import acknowledge
from bot.errors import ReceiptUnusable
from bot.features.review.access import reviews_of
from bot.features.review.embeds.card import DIGEST_CASES, digest_options
from bot.features.review.embeds.status import retry_text
from bot.features.review.places import check_moderator_of
from bot.storage.records import Case

NOTE_LIMIT = 1000

_CUSTOM_ID = re.compile(r"case:[a-z]+:(\d+)")
_DIGEST = re.compile(r"digest(?::(\d+))?")
_LABELS = {"claim": "Claim", "release": "Release", "confirm": "Confirm", "dismiss": "Dismiss", "note": "Note"}
_STYLES = {"confirm": discord.ButtonStyle.danger, "dismiss": discord.ButtonStyle.success}
# The actions that are possible in each state of a case.
_ACTIONS = {
    "open": ("claim", "confirm", "dismiss", "note"),
    "claimed": ("release", "confirm", "dismiss", "note"),
    "withdrawn": ("confirm", "dismiss", "note"),
    "confirmed": ("note",),
    "dismissed": ("note",),
}


def case_view(case: Case) -> discord.ui.View:
    """Return the buttons for a case's card, which depend on its state."""
    view = discord.ui.View(timeout=None)
    for action in _ACTIONS[case.state]:
        view.add_item(CaseButton(action, case.id))
    return view


def digest_view(cases: Sequence[Case]) -> discord.ui.View:
    """Return a digest's menu of cases."""
    return view_of(DigestMenu(digest_options(cases), cases[-1].id))


def case_of_card(message: discord.Message, case_ids: Collection[int]) -> int | None:
    """Return the id of the case that a card shows, None if `message` is not a card of one of `case_ids`."""
    for row in message.components:
        for button in getattr(row, "children", ()):
            match = _CUSTOM_ID.fullmatch(button.custom_id or "")
            if match and int(match[1]) in case_ids:
                return int(match[1])
    return None


def cases_in_digest(message: discord.Message, case_ids: Collection[int]) -> list[int]:
    """Return which of `case_ids` a digest lists, including those that did not fit in its menu of 25."""
    for row in message.components:
        for menu in getattr(row, "children", ()):
            if isinstance(menu, discord.SelectMenu) and (match := _DIGEST.fullmatch(menu.custom_id or "")):
                listed = [int(option.value) for option in menu.options]
                last = int(match[1] or max(listed)) if len(listed) == DIGEST_CASES else 0
                return [case_id for case_id in case_ids if case_id in listed or max(listed) < case_id <= last]
    return []


def retry_view() -> discord.ui.View:
    """Return the *Try again* button below `/review status`."""
    return view_of(RetryButton())


class CaseButton(
    PersistentButton,
    template=r"case:(?P<action>claim|release|confirm|dismiss|note):(?P<case_id>\d+)",
):
    """*Claim*, *Release*, *Confirm*, *Dismiss* or *Note*, for moderators of both channels."""

    def __init__(self, action: str, case_id: int) -> None:
        style = _STYLES.get(action, discord.ButtonStyle.secondary)
        super().__init__(discord.ui.Button(label=_LABELS[action], style=style, custom_id=f"case:{action}:{case_id}"))
        self._action, self._case_id = action, case_id

    @classmethod
    def of(cls, match: re.Match[str]) -> "CaseButton":
        """Return the button that was pressed."""
        return cls(match["action"], int(match["case_id"]))

    async def press(self, interaction: Interaction) -> None:
        """Do what the button says, or tell the presser why that is not possible now."""
        triage = reviews_of(interaction.client).triage
        _check(interaction, await triage.case(self._case_id))
        if self._action == "note":
            await acknowledge(interaction, interaction.response.send_modal(NoteForm(self._case_id)))
        elif await acknowledge(interaction, interaction.response.defer()):
            refusal = await triage.act(self._action, self._case_id, interaction.user.id)
            if refusal is not None:
                await interaction.followup.send(refusal, ephemeral=True)


class NoteForm(Form, title="Note"):
    """The form for a moderator's note on a case."""

    text: discord.ui.TextInput["NoteForm"] = discord.ui.TextInput(
        custom_id="text",
        label="For the moderators of this case",
        style=discord.TextStyle.paragraph,
        max_length=NOTE_LIMIT,
        placeholder="What you found or did",
    )

    def __init__(self, case_id: int) -> None:
        super().__init__()
        self._case_id = case_id

    async def submit(self, interaction: Interaction) -> None:
        """Add the note to the case's history."""
        triage = reviews_of(interaction.client).triage
        _check(interaction, await triage.case(self._case_id))
        if await acknowledge(interaction, interaction.response.defer()):
            await triage.note(self._case_id, interaction.user.id, self.text.value)


class DigestMenu(PersistentMenu, template=r"digest(?::(?P<last>\d+))?"):
    """Posts the card of the chosen case. A menu has room for 25 cases; its custom_id names the digest's last case."""

    def __init__(self, options: list[discord.SelectOption], last: int) -> None:
        menu: discord.ui.Select[Any] = discord.ui.Select(
            custom_id=f"digest:{last}", placeholder="Show the card of …", options=options
        )
        super().__init__(menu)

    @classmethod
    def of(cls, match: re.Match[str], options: list[discord.SelectOption]) -> "DigestMenu":
        """Return the menu in which a case was chosen."""
        return cls(options, int(match["last"] or 0))

    async def choose(self, interaction: Interaction, value: str) -> None:
        """Post the card of the chosen case, unless it has one."""
        triage = reviews_of(interaction.client).triage
        case = await triage.case(int(value))
        _check(interaction, case)
        if case is not None and await acknowledge(interaction, interaction.response.defer()):
            await triage.show_card(case)


class RetryButton(PersistentButton, template=r"review:retry"):
    """Retries messages that could not be scored, in the places that the presser moderates."""

    def __init__(self) -> None:
        super().__init__(discord.ui.Button(label="Try again", custom_id="review:retry"))

    @classmethod
    def of(cls, _: re.Match[str]) -> "RetryButton":
        """Return the button that was pressed."""
        return cls()

    async def press(self, interaction: Interaction) -> None:
        """Retry the messages, and say how many there are."""
        assert isinstance(interaction.user, discord.Member)  # noqa: S101  # as in every server
        reviews = reviews_of(interaction.client)
        if await acknowledge(interaction, interaction.response.defer()):
            count = await reviews.retry_for(interaction.user)
            await interaction.followup.send(retry_text(count), ephemeral=True)


def _check(interaction: Interaction, case: Case | None) -> None:
    """Raise ReceiptUnusable for a deleted case, and NotPermitted unless the presser can moderate both channels."""
    if case is None or case.guild_id != interaction.guild_id:
        raise ReceiptUnusable("This case was deleted: its message was deleted, or its channel is no longer watched.")
    assert isinstance(interaction.user, discord.Member)  # noqa: S101  # as in every server
    check_moderator_of(interaction.user, case.channel_id, case.log_channel_id)
