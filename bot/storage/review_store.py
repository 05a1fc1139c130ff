"""Everything that is kept of review channels, behind one name."""

from bot.storage.privacy import Privacy
from bot.storage.reviews import Reviews
from bot.storage.watched_channels import WatchedChannels


class ReviewStore(WatchedChannels, Reviews, Privacy):
    """The channels, messages, scores and wishes in `database`; each method is one transaction."""
