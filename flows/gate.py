"""Publish only what helps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flows.parameters import AugmentRequest

__all__ = ["objection"]


def objection(request: AugmentRequest, effect: Mapping[str, Any] | None, report: Mapping[str, Any], rows: int) -> str:
    """Return why the synthetic set is not to be published, or "" where it is.

    >>> asked = AugmentRequest(data="a.csv", publish_to="store")
    >>> objection(asked, {"verdict": "no evidence", "sentence": "There is none."}, {"decision": ""}, 70)
    "the verdict is 'no evidence': There is none."
    >>> objection(asked, {"verdict": "helps", "sentence": "It helps."}, {"decision": ""}, 70)
    ''
    """
    if request.publish == "never":
        return "nobody asked for it"
    if rows == 0:
        return f"there are no synthetic rows: {report['decision']}"
    if request.publish == "if_helps" and (effect is None or effect["verdict"] != "helps"):
        return (
            "no effect was measured"
            if effect is None
            else f"the verdict is {effect['verdict']!r}: {effect['sentence']}"
        )
    return ""
