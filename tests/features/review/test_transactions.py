"""How many transactions it takes to score and show one message: one for each step that must survive a crash."""

import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.database import Database
from tests.features.review.conftest import BAD, GOOD, ReviewPlace

# For one message, however many are due at once.
SHOW = Counter(["state_of", "mark_shown"])
FLAG = Counter(["open", "content", "record"])
# For all messages that are due at once. The other kinds of due work are each queried once.
SCORE = Counter(["pending", "pending", "record"])
WAKE = Counter(["due", "due", "outdated", "due_deletions", "stale_digests"])
# Whether the place asks questions of its own, their answers that are due, and the live questions that may have lapsed.
QUESTIONS = Counter(["_select", "due_answers", "_select"])
INTAKE = Counter(["record"])


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the transactions by the method that begins them."""
    counts: Counter[str] = Counter()
    session = Database.session

    @contextlib.asynccontextmanager
    async def counting(self: Database) -> AsyncIterator[AsyncSession]:
        counts[sys._getframe(2).f_code.co_name] += 1
        async with session(self) as opened_session:
            yield opened_session

    monkeypatch.setattr(Database, "session", counting)
    return counts


@pytest.mark.parametrize(("text", "flagging"), [(GOOD, Counter[str]()), (BAD, FLAG)])
async def test_a_message_is_shown_in_few_transactions(
    place: ReviewPlace, transactions: Counter[str], text: str, flagging: Counter[str]
) -> None:
    await place.start_flagging(label="react")
    await place.member.send(place.channel, text)  # the first one also reads the exemptions of the server
    transactions.clear()
    await place.member.send(place.channel, text)
    assert transactions <= INTAKE + SCORE + WAKE + QUESTIONS + SHOW + flagging, transactions
    assert len(place.cards) == 2 * bool(flagging)
