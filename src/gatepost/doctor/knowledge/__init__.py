"""What is known of the causes of mail trouble and of their fixes, as data: `load` gives it as a `Book`.

`rows/*.toml` hold the rows, each one cause with its fix, the words by which servers and mail programs tell of it, and
where that was learnt. `phrases/*.toml` hold the other words that people read, `providers.toml` the settings of big
providers, `texts/*.toml` translations. People add rows of their own in the same form.

Must never: read anything but data files; evaluate what is in them (patterns are plain text with gaps, not regular
expressions, and placeholders are names only); take longer than linear time over a hostile text.
"""

from gatepost.doctor.knowledge.book import Book
from gatepost.doctor.knowledge.load import LANGUAGES, language_of, load, own_rules
from gatepost.doctor.knowledge.row import Explanation, Heard, KnowledgeError, Match, Provider, ProviderSetting, Row

__all__ = (
    "LANGUAGES",
    "Book",
    "Explanation",
    "Heard",
    "KnowledgeError",
    "Match",
    "Provider",
    "ProviderSetting",
    "Row",
    "language_of",
    "load",
    "own_rules",
)
