"""scikit-learn's side of the check: prepared features, classifiers, many fits, scores."""

from ganaug.learners.exchange import assemble, frame_of, labels_of, table_of
from ganaug.learners.jobs import Job, Outcome, Runner, Training
from ganaug.learners.models import DEFAULT_LEARNERS, Learner, Predictions, fit_predict, own_learner, thread_cap
from ganaug.learners.part import LeakError, Part
from ganaug.learners.prepare import Preparation

__all__ = [
    "DEFAULT_LEARNERS",
    "Job",
    "LeakError",
    "Learner",
    "Outcome",
    "Part",
    "Predictions",
    "Preparation",
    "Runner",
    "Training",
    "assemble",
    "fit_predict",
    "frame_of",
    "labels_of",
    "own_learner",
    "table_of",
    "thread_cap",
]
