"""The one home of every comparison of two Markdown texts."""

from tasks.scoring.page import PARTS, score_page
from tasks.scoring.reward import PRESETS, composite_reward, resolve_weights
from tasks.scoring.text import repetition_rate
from tasks.scoring.thinking import strip_thinking

__all__ = [
    "PARTS",
    "PRESETS",
    "composite_reward",
    "repetition_rate",
    "resolve_weights",
    "score_page",
    "strip_thinking",
]
