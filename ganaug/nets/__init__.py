"""Networks: plain arguments in, tensors with a leading member axis through."""

from ganaug.nets.blocks import MemberEmbedding, MemberLinear, initialise
from ganaug.nets.conditioning import Classifier, ConditionalMLP, ProjectionCritic
from ganaug.nets.mlp import Trunk
from ganaug.nets.onehot import OneHot

__all__ = [
    "Classifier",
    "ConditionalMLP",
    "MemberEmbedding",
    "MemberLinear",
    "OneHot",
    "ProjectionCritic",
    "Trunk",
    "initialise",
]
