"""The one home of every comparison of two Markdown texts."""

from tasks.scoring.errors import character_error_rate, word_error_rate
from tasks.scoring.page import PARTS, score_page
from tasks.scoring.reward import PRESETS, REWARD_PARTS, composite_reward, facts_score, resolve_weights, weighted_mean
from tasks.scoring.text import repetition_rate
from tasks.scoring.thinking import answer_to, strip_thinking

__all__ = [
    "PARTS",
    "PRESETS",
    "REWARD_PARTS",
    "answer_to",
    "character_error_rate",
    "composite_reward",
    "facts_score",
    "repetition_rate",
    "resolve_weights",
    "score_page",
    "strip_thinking",
    "weighted_mean",
    "word_error_rate",
]
