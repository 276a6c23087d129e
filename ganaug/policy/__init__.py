"""How many synthetic rows, filtered how, or none: chosen by cross-validation inside the rows that it is given."""

from ganaug.policy.augmenter import GanAugmenter, Policy, candidate_trainings, draw_candidate, variant_for
from ganaug.policy.choice import CANDIDATES, Candidate, Choice, choose
from ganaug.policy.selection import select

__all__ = [
    "CANDIDATES",
    "Candidate",
    "Choice",
    "GanAugmenter",
    "Policy",
    "candidate_trainings",
    "choose",
    "draw_candidate",
    "select",
    "variant_for",
]
