"""What the reports of whole jobs share."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Report:
    """What a job did: prints well, and becomes a dict."""

    def to_dict(self) -> dict[str, Any]:
        """Of plain values, as json.dumps takes them."""
        return dataclasses.asdict(self)  # type: ignore[call-overload,no-any-return]
