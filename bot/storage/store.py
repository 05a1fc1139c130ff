"""Everything that is kept of review channels, behind one name."""

from bot.storage.audit import AuditLog
from bot.storage.cards import Cards
from bot.storage.cases import Cases
from bot.storage.faults import Faults
from bot.storage.messages import Reviews, Unscorable
from bot.storage.own_messages import OwnMessages
from bot.storage.places import WatchedChannels
from bot.storage.privacy import Privacy
from bot.storage.scores import Scores
from bot.storage.showing import Showing
from bot.storage.triage import Triage


class ReviewStore(
    WatchedChannels, Reviews, Faults, Unscorable, Scores, Showing, Cases, Cards, Triage, Privacy, OwnMessages, AuditLog
):
    """The places, messages, scores, cases and wishes in `database`; each method is one transaction."""
