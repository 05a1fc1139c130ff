"""Everything that is stored about review channels, by subject."""

from bot.storage.audit import AuditLog
from bot.storage.cards import Cards
from bot.storage.cases import Cases
from bot.storage.database import Database
from bot.storage.faults import Faults
from bot.storage.measurements import Measurements
from bot.storage.messages import Messages
from bot.storage.own_messages import OwnMessages
from bot.storage.place_questions import PlaceQuestions
from bot.storage.places import Places
from bot.storage.privacy import Privacy
from bot.storage.questions import Questions
from bot.storage.scores import Scores
from bot.storage.shards import Shards
from bot.storage.showing import Showing


class ReviewStore:
    """The data of review channels in `database`, one member for each subject; each method is one transaction.

    Methods that list what is to be done, in no server in particular, are limited to the servers on `shards`.
    """

    def __init__(self, database: Database, shards: Shards | None = None) -> None:
        """Without `shards`, all servers belong to this process."""
        shards = shards or Shards()
        self.places = Places(database, shards)
        self.questions = Questions(database)
        self.place_questions = PlaceQuestions(database, shards)
        self.measurements = Measurements(database)
        self.messages = Messages(database, shards)
        self.scores = Scores(database)
        self.faults = Faults(database)
        self.showing = Showing(database, shards)
        self.cases = Cases(database)
        self.cards = Cards(database, shards)
        self.own_messages = OwnMessages(database, shards)
        self.privacy = Privacy(database)
        self.audit = AuditLog(database)
