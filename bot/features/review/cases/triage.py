"""What moderators do with a case. The first decision counts, and the card shows it."""

from bot.features.review.cases.alerts import Alerts
from bot.storage.records import Case
from bot.storage.store import ReviewStore

_STATES = {
    "open": "is open",
    "claimed": "is claimed by <@{claimed_by}>",
    "withdrawn": "was withdrawn after its message was edited",
    "confirmed": "was confirmed by <@{decided_by}>",
    "dismissed": "was dismissed by <@{decided_by}>",
}


class CaseTriage:
    """Claims, releases, decides and notes on cases, each in one transaction; updates the card afterwards."""

    def __init__(self, store: ReviewStore, alerts: Alerts) -> None:
        self._store = store
        self._alerts = alerts

    async def case(self, case_id: int) -> Case | None:
        """Return a case, None if it is deleted."""
        return await self._store.cases.get(case_id)

    async def act(self, action: str, case_id: int, user_id: int) -> str | None:
        """Claim, release, confirm or dismiss a case; return the reason if that was not possible, else None."""
        if action == "claim":
            done, case = await self._store.cases.claim(case_id, user_id)
        elif action == "release":
            done, case = await self._store.cases.release(case_id, user_id)
        else:
            done, case = await self._store.cases.decide(case_id, user_id, confirmed=action == "confirm")
        await self._alerts.refresh(case_id)
        if done:
            return None
        if case is None:
            return "This case was deleted together with its message."
        state = _STATES[case.state].format(claimed_by=case.claimed_by, decided_by=case.decided_by)
        return f"Case {case.number:,} {state}."

    async def note(self, case_id: int, user_id: int, text: str) -> None:
        """Add a note to a case."""
        await self._store.cases.add_note(case_id, user_id, text)
        await self._alerts.refresh(case_id)

    async def show_card(self, case: Case) -> None:
        """Post the card of a case that has none."""
        if case.card_message_id is None:
            await self._alerts.post_card(case)
