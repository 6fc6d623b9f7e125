"""Text in pictures: escaped, without characters that XML does not allow."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from kbootstrap.views.screen import harmless

_INVALID = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
"""Characters that XML 1.0 does not allow (section 2.2)."""


def xml_text(text: str) -> str:
    """Return text for XML: escaped, without characters that XML does not allow."""
    return escape(_INVALID.sub("", harmless(text)))
