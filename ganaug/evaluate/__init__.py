"""Does an augmentation help, and how do its rows compare with real ones?"""

from ganaug.evaluate.arms import DEFAULT_ARMS, DEFAULT_IMAGE_ARMS
from ganaug.evaluate.effect import measure_effect
from ganaug.evaluate.parts import combine_parts, measure_part, plan_parts
from ganaug.evaluate.result import Effect
from ganaug.evaluate.statistics import compare_tables

__all__ = [
    "DEFAULT_ARMS",
    "DEFAULT_IMAGE_ARMS",
    "Effect",
    "combine_parts",
    "compare_tables",
    "measure_effect",
    "measure_part",
    "plan_parts",
]
