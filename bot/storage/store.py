"""Everything that is stored about review channels, by subject."""

from bot.storage.audit import AuditLog
from bot.storage.cards import Cards
from bot.storage.cases import Cases
from bot.storage.database import Database
from bot.storage.faults import Faults
from bot.storage.messages import Messages
from bot.storage.own_messages import OwnMessages
from bot.storage.places import Places
from bot.storage.privacy import Privacy
from bot.storage.scores import Scores
from bot.storage.showing import Showing


class ReviewStore:
    """The data of review channels in `database`, one member for each subject; each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.places = Places(database)
        self.messages = Messages(database)
        self.scores = Scores(database)
        self.faults = Faults(database)
        self.showing = Showing(database)
        self.cases = Cases(database)
        self.cards = Cards(database)
        self.own_messages = OwnMessages(database)
        self.privacy = Privacy(database)
        self.audit = AuditLog(database)
