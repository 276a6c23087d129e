"""What a training is watched by. PAGE"""

from __future__ import annotations

from ganaug.watching.alarms import COLLAPSED, Alarm, current, recognise
from ganaug.watching.figures import RealClass, Seen, accuracy, class_figures, gradient_norm, mean_distance
from ganaug.watching.observe import observe, of_member
from ganaug.watching.record import HISTORY, Record, Recorder, describe, lines, read_pictures, write_pictures

__all__ = [
    "COLLAPSED",
    "HISTORY",
    "Alarm",
    "RealClass",
    "Record",
    "Recorder",
    "Seen",
    "accuracy",
    "class_figures",
    "current",
    "describe",
    "gradient_norm",
    "lines",
    "mean_distance",
    "observe",
    "of_member",
    "read_pictures",
    "recognise",
    "write_pictures",
]
