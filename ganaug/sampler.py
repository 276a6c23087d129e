"""`GANSampler`: the generator as an imbalanced-learn sampler, to stand before a classifier in a pipeline."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from imblearn.base import BaseSampler
from imblearn.utils import check_sampling_strategy, check_target_type
from imblearn.utils._validation import ArraysTransformer
from scipy import sparse
from sklearn.preprocessing import label_binarize
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from ganaug import plans, seeding, variants
from ganaug.data.read import read
from ganaug.data.validate import require_labels
from ganaug.errors import ConfigError, DataError
from ganaug.policy import GanAugmenter, Policy
from ganaug.stacking import stack

__all__ = ["GANSampler"]

_STRATEGIES = {"policy", "auto", "minority", "not minority", "not majority", "all"}


class GANSampler(BaseSampler):
    """Over-sampling with a conditional GAN, in the amount that helps, which may be none.

    It takes what no neighbour-based sampler does: DataFrames of mixed types, categories, dates and missing values,
    and images, and gives back the same columns, types and order. In a pipeline it sees training rows alone, as every
    sampler does.

    Parameters
    ----------
    sampling_strategy : {'policy', 'auto', 'minority', 'not minority', 'not majority', 'all'}, float, dict or callable
        ``'policy'``, the default, adds rows of all classes, or none, by cross-validation inside the rows that it is
        given; a table's classes keep their shares, see `ganaug.augment`. Everything else means what it does in
        imbalanced-learn.
    variant : str or a variant's Config, default='auto'
        The generator: ``'auto'`` (``'anchored'`` for tables, ``'anchored_image'`` for images), another name of
        `ganaug.variants.names`, or a configuration such as ``ganaug.variants.anchored.Config(steps=200)``.
    image_shape : tuple of int or None, default=None
        For rows that are flattened images: their shape, ``(h, w)``, ``(h, w, c)`` or ``(c, h, w)``. Arrays of three or
        four dimensions are images anyway.
    id_columns : list of str or None, default=None
        Columns that name a row and are not learnt; None finds them by their looks and warns. Columns of an array are
        called x0, x1 and so on.
    random_state : int, RandomState instance or None, default=None
        The same integer gives the same rows.
    device : str, default='auto'
        ``'auto'``, ``'cpu'`` or ``'cuda'``.
    estimator : classifier or None, default=None
        What the policy judges by: best the classifier that comes next in the pipeline, which is also the
        quickest. None: a logistic regression, a random forest and a gradient boosting.
    scoring : str, callable or None, default=None
        The score that the policy looks at; None: average precision.

    Attributes
    ----------
    sampling_strategy_ : dict
        Label -> rows added. After ``fit`` alone, which trains nothing, it is there for every strategy but ``'policy'``.
    choice_ : ganaug.policy.Choice or None
        What the policy chose and why; None with another strategy.
    synthesizer_ : ganaug.Synthesizer or None
        The generator that drew the rows, untrained where the policy chose its start (see `ganaug.augment`); None
        where no row was asked for.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of features, where ``X`` is a DataFrame whose column names are all text.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from ganaug import GANSampler
    >>> from ganaug.variants.anchored import Config
    >>> X, y = make_classification(n_samples=200, weights=[0.9], random_state=0)
    >>> sampler = GANSampler(sampling_strategy="auto", variant=Config(steps=20), random_state=0)
    >>> X_res, y_res = sampler.fit_resample(X, y)
    >>> int((y == 1).sum()), int((y_res == 1).sum()), int((y_res == 0).sum())
    (20, 180, 180)
    """

    _sampling_type = "over-sampling"
    takes_tables = True
    """Whether ``fit_resample`` takes DataFrames of mixed types and missing values; `measure_effect` asks."""

    _parameter_constraints: ClassVar[dict] = {
        "sampling_strategy": [Interval(Real, 0, 1, closed="right"), StrOptions(_STRATEGIES), Mapping, callable],
        "variant": [StrOptions({"auto", *variants.names()}), *(variants.get(name).Config for name in variants.names())],
        "image_shape": [list, tuple, None],
        "id_columns": [list, tuple, None],
        "random_state": ["random_state"],
        "device": [str],
        "estimator": [HasMethods(["fit", "get_params"]), None],
        "scoring": [str, callable, None],
    }

    def __init__(
        self,
        *,
        sampling_strategy="policy",
        variant="auto",
        image_shape=None,
        id_columns=None,
        random_state=None,
        device="auto",
        estimator=None,
        scoring=None,
    ):
        super().__init__(sampling_strategy=sampling_strategy)
        self.variant = variant
        self.image_shape = image_shape
        self.id_columns = id_columns
        self.random_state = random_state
        self.device = device
        self.estimator = estimator
        self.scoring = scoring

    def fit(self, X, y, **params):
        """Check the input and the strategy; nothing is trained. Use ``fit_resample``.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features)
            Data array.
        y : array-like of shape (n_samples,)
            Target array.

        Returns
        -------
        self : object
            Return the instance itself.
        """
        self._validate_params()
        _require_labels(y)
        check_classification_targets(y)
        X, y, _ = self._check_X_y(X, y)
        self._images(X)
        self._count(y)
        return self

    def fit_resample(self, X, y, **params):
        """Train a generator on the rows given and add what it draws.

        Parameters
        ----------
        X : {array-like, dataframe, sparse matrix} of shape (n_samples, n_features), or images
            Rows to sample from; NaN is a missing value, infinity an error. Images are arrays ``(n, h, w)``,
            ``(n, h, w, c)`` or ``(n, c, h, w)``, or flat with ``image_shape``, also as a DataFrame of pixels.
        y : array-like of shape (n_samples,)
            Label of each row, also one-hot.

        Returns
        -------
        X_resampled : {array-like, dataframe, sparse matrix} of shape (n_samples_new, n_features)
            The real rows first, unchanged, then the synthetic ones; the kind and types of ``X``.
        y_resampled : array-like of shape (n_samples_new,)
            Their labels; the kind and type of ``y``.
        """
        self._validate_params()
        _require_labels(y)
        check_classification_targets(y)
        container = ArraysTransformer(X, y)
        X, y, one_hot = self._check_X_y(X, y)
        X_res, y_res = self._fit_resample(X, y)
        return container.transform(X_res, label_binarize(y_res, classes=np.unique(y)) if one_hot else y_res)

    def as_augmenter(self) -> GanAugmenter:
        """Return the same generator for `measure_effect`, which trains those of all folds side by side."""
        self._validate_params()
        if self.image_shape is not None:
            raise ConfigError(
                "measure_effect takes flat rows for a table; give it the images themselves, (n, h, w) or "
                f"(n, h, w, c), and a GANSampler without image_shape, however: image_shape={self.image_shape!r}"
            )
        if isinstance(self.sampling_strategy, str) and self.sampling_strategy == "policy":
            return Policy(variant=self.variant, name="gan_sampler")
        return GanAugmenter(variant=self.variant, sampling_strategy=self.sampling_strategy, name="gan_sampler")

    def _fit_resample(self, X, y, **params):
        """Return checked rows with synthetic ones after them."""
        X_new, y_new = self._synthetic(X, y, self._count(y))
        return stack(X, X_new, keep_index=False), np.concatenate([y, y_new])

    def _check_X_y(self, X, y, accept_sparse=None):
        y, one_hot = check_target_type(y, indicate_one_vs_all=True)
        if not isinstance(X, pd.DataFrame):
            options: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan", "estimator": self}
            options["allow_nd"] = True
            options["accept_sparse"] = ["csr", "csc"] if accept_sparse is None else accept_sparse
            X = check_array(X, **options)
        check_consistent_length(X, y)
        validate: Any = validate_data
        flat = X.reshape(len(X), -1) if isinstance(X, np.ndarray) and X.ndim > 2 else X
        validate(self, X=flat, y=y, reset=True, skip_check_array=True)
        return X, y, one_hot

    def _count(self, y: np.ndarray) -> OrderedDict | None:
        """Return label -> rows to add and remember it; None where the policy is to say."""
        variants.require_rows(self.variant)
        if np.unique(y).size < 2:
            raise ValueError(f"y must have more than one class to balance, however: {np.unique(y).size} class")
        if isinstance(self.sampling_strategy, str) and self.sampling_strategy == "policy":
            return None
        self.sampling_strategy_ = check_sampling_strategy(self.sampling_strategy, y, self._sampling_type)
        return self.sampling_strategy_

    def _synthetic(self, X: Any, y: np.ndarray, wanted: Mapping[Any, int] | None) -> tuple[Any, np.ndarray]:
        """Train, draw, and return the new rows in the kinds of ``X`` and ``y``."""
        images = self._images(X)
        rows = read((images, y), id_columns=None if self.id_columns is None else list(self.id_columns))
        seed = seeding.resolve(self.random_state)
        asked = {"variant": self.variant, "seed": seed, "device": self.device}
        if wanted is None:
            plan = plans.plan_by_policy(rows, **asked, estimator=self.estimator, scoring=self.scoring)
            labels = {rows.schema.code_of(label): label for label in np.unique(y)}
            self.sampling_strategy_ = OrderedDict((labels[code], n) for code, n in sorted(plan.counts.items()))
        else:
            plan = plans.Plan(counts={rows.schema.code_of(label): n for label, n in wanted.items()})
        self.choice_ = plan.choice
        self.synthesizer_ = plans.fit_rows(rows, **asked, planned=plan) if plan.total else None
        made = plans.draw_rows(self.synthesizer_, plan, rows, seed=seed)
        X_new, y_new = rows.schema.restore(made)
        return self._flat(X_new, X) if images is not X else X_new, np.asarray(y_new)

    def _images(self, X: Any) -> Any:
        """Return flattened images in their shape, anything else as it is."""
        if self.image_shape is None:
            return X
        if sparse.issparse(X):
            raise DataError("images must be a dense array, however X is sparse; pass X.toarray()")
        shape, flat = tuple(self.image_shape), np.asarray(X)
        if len(shape) not in (2, 3) or math.prod(shape) != math.prod(flat.shape[1:]):
            raise ConfigError(
                "image_shape must be (h, w), (h, w, c) or (c, h, w) with as many pixels as X has columns, "
                f"however: image_shape={self.image_shape!r} and {math.prod(flat.shape[1:])} columns"
            )
        return flat.reshape(len(flat), *shape)

    def _flat(self, images: np.ndarray, X: Any) -> Any:
        """Return images in the form of the rows ``X`` that were given flat."""
        flat = images.reshape(len(images), *X.shape[1:])
        return pd.DataFrame(flat, columns=X.columns) if isinstance(X, pd.DataFrame) else flat

    def _more_tags(self):
        return {"X_types": ["2darray", "string", "sparse", "dataframe"], "allow_nan": True}

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def _require_labels(y: Any) -> None:
    """Raise what `augment` does for labels that are missing; scikit-learn would first cast them, and count none."""
    if y is None or sparse.issparse(y):
        return
    labels: Any = y if hasattr(y, "__array__") else np.asarray(y, dtype=object)
    missing = np.asarray(pd.isna(labels))
    if missing.ndim:
        rows = missing.any(axis=tuple(range(1, missing.ndim)))
        named = isinstance(y, pd.Series) and y.name is not None
        require_labels(int(rows.sum()), rows.size, str(y.name) if named else "target")
