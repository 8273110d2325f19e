"""Counting the objects of an image: scenes, prompts, reward, study."""

from tasks.counting.reward import count_reward, extract_count

__all__ = ["count_reward", "extract_count"]
