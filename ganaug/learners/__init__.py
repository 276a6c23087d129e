"""scikit-learn's side of the check: prepared features, classifiers, many fits, scores."""

from ganaug.learners.exchange import assemble, frame_of, labels_of, table_of, with_codes
from ganaug.learners.image_exchange import flat_of, images_of, matrix_of, rounded
from ganaug.learners.image_prepare import DEFAULT_IMAGE_LEARNERS, ImagePreparation
from ganaug.learners.jobs import Job, Outcome, Runner, Training
from ganaug.learners.kinds import default_learners, filter_learner, own_rows, prepare
from ganaug.learners.models import DEFAULT_LEARNERS, Learner, Predictions, fit_predict, own_learner, thread_cap
from ganaug.learners.part import LeakError, Part
from ganaug.learners.prepare import Preparation
from ganaug.learners.teacher import FITS, FOLDS, INNER_FITS, INNER_FOLDS, Lesson, teach

__all__ = [
    "DEFAULT_IMAGE_LEARNERS",
    "DEFAULT_LEARNERS",
    "FITS",
    "FOLDS",
    "INNER_FITS",
    "INNER_FOLDS",
    "ImagePreparation",
    "Job",
    "LeakError",
    "Learner",
    "Lesson",
    "Outcome",
    "Part",
    "Predictions",
    "Preparation",
    "Runner",
    "Training",
    "assemble",
    "default_learners",
    "filter_learner",
    "fit_predict",
    "flat_of",
    "frame_of",
    "images_of",
    "labels_of",
    "matrix_of",
    "own_learner",
    "own_rows",
    "prepare",
    "rounded",
    "table_of",
    "teach",
    "thread_cap",
    "with_codes",
]
