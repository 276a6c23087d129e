"""How much synthetic images look like real ones, always beside how much held-out real images do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug.data import holdout as hold_out
from ganaug.data import row_hashes
from ganaug.embedding import Embedding, shrink
from ganaug.evaluate.sides import MIN_ROWS, NEAR_QUANTILE, Beside, Sides, copies, exact, manifold
from ganaug.image_schema import ImageSchema
from ganaug.metrics import class_score, frechet_distance, kernel_distance
from ganaug.seeding import derive

__all__ = ["ClassImages", "ImageEmbedding", "ImageFidelity", "image_fidelity"]

ImageEmbedding = Callable[[np.ndarray], np.ndarray]
"""uint8 (n, h, w, c) -> features (n, d)."""

OURS = "a small convolutional classifier fitted on the training images"


@dataclass(frozen=True, kw_only=True)
class ClassImages:
    """One class, or all of them; what is undefined, for want of images, is None."""

    label: str
    n_train: int
    n_holdout: int
    n_synthetic: int
    n_compared: int
    """Images of either side that were compared with the training images."""
    frechet: Beside
    """Frechet distance of the features from those of the training images; 0 is best, and few images raise it."""
    kernel: Beside
    """Kernel distance of the same; 0 is best, chance may put it just below."""
    precision: Beside
    recall: Beside
    density: Beside
    coverage: Beside
    recognised: Beside
    """Share of images in which a classifier fitted on the training images sees the class that was asked for."""
    near_copies: Beside
    """Share of images whose features are as near to those of a training image of their class as the nearest
    ``near_quantile`` of its own are to each other."""
    near_copies_pixels: Beside
    """The same of the pixels, images above 32 pixels averaged down."""


@dataclass(frozen=True, kw_only=True)
class ImageFidelity:
    """What `image_fidelity` found, over all classes and for each; goes to JSON and back."""

    rows: dict[str, int]
    """Images of ``train``, ``synthetic`` and perhaps ``holdout``."""
    overall: ClassImages
    classes: tuple[ClassImages, ...]
    class_score: Beside
    """See `ganaug.metrics.class_score`; None with one class."""
    exact_copies: Beside
    """Share of images that equal a training image in every pixel."""
    near_quantile: float
    embedding: str
    """What made the features."""
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a plain JSON object, with ``"kind": "images"``; `from_json` undoes it."""
        found = asdict(self)
        return {"kind": "images", **found, "classes": list(found["classes"]), "notes": list(self.notes)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ImageFidelity:
        """Undo `to_json`."""
        given: dict[str, Any] = {f.name: document[f.name] for f in fields(cls)}
        for name in ("class_score", "exact_copies"):
            given[name] = Beside(**given[name])
        given["overall"] = _class_from_json(given["overall"])
        given["classes"] = tuple(_class_from_json(entry) for entry in given["classes"])
        given["notes"] = tuple(given["notes"])
        return cls(**given)


def _class_from_json(entry: Mapping[str, Any]) -> ClassImages:
    given: dict[str, Any] = {key: Beside(**v) if isinstance(v, Mapping) else v for key, v in entry.items()}
    return ClassImages(**given)


def image_fidelity(
    train: pa.Table,
    holdout: pa.Table | None,
    synthetic: pa.Table,
    schema: ImageSchema,
    *,
    seed: int = 0,
    embedding: ImageEmbedding | None = None,
) -> ImageFidelity:
    """Compare ``synthetic`` images with ``train``, and ``holdout`` with it in just the same way.

    Held-out and synthetic images are thinned to one number and one mix of classes, because most of these figures
    change with both; where more synthetic images are there, figures are means over several lots of them. At most 5,000
    images a class and 20,000 a side are looked at. The small classifier sees the training images only, which makes
    them look farther from all others, held-out and synthetic alike, than they are.

    Parameters
    ----------
    train
        The images that the generator saw.
    holdout
        Real images that it did not see. None: the training images are cut into halves, of which one stands for them;
        copies are still looked for among all of them.
    synthetic
        The generated images, at least one.
    schema
        That of all three.
    seed
        Decides which images are looked at, and begins the classifier.
    embedding
        Features to compare instead of those of the small classifier, such as `ganaug.imagenet.imagenet_embedding()`.

    Raises
    ------
    ValueError
        There is no synthetic or no training image, or ``embedding`` does not give one row of finite numbers an image.
    """
    if len(synthetic) == 0 or len(train) == 0:
        raise ValueError(f"images are needed on both sides: {len(train)} training, {len(synthetic)} synthetic images")
    given = {"train": train, "synthetic": synthetic}
    tables, notes = given, []
    if holdout is not None and len(holdout) > 0:
        tables = given | {"holdout": holdout}
    else:
        tables, notes = _halves(train, synthetic, schema, seed)
    compared = _Compared.of(tables, schema, embedding, seed=seed)
    if tables["train"] is not train:
        compared = compared.with_copies_among(given, seed=seed)
    counts = {name: np.bincount(schema.label_codes(t), minlength=schema.n_classes) for name, t in tables.items()}
    return ImageFidelity(
        rows={name: len(table) for name, table in tables.items()},
        overall=compared.figures("all classes", {name: int(n.sum()) for name, n in counts.items()}),
        classes=tuple(
            compared.only(c).figures(schema.class_names()[c], {name: int(n[c]) for name, n in counts.items()})
            for c in sorted(compared.sides.rows["synthetic"].by_class)
        ),
        class_score=compared.class_score(),
        exact_copies=exact(tables if tables["train"] is train else given, schema),
        near_quantile=NEAR_QUANTILE,
        embedding=OURS if embedding is None else str(getattr(embedding, "__name__", type(embedding).__name__)),
        notes=(*notes, *compared.notes()),
    )


def _halves(
    train: pa.Table, synthetic: pa.Table, schema: ImageSchema, seed: int
) -> tuple[dict[str, pa.Table], list[str]]:
    """Return the tables to compare where there are no held-out images, and a note on it."""
    hashes = row_hashes(train, schema.feature_names)
    kept, held = hold_out(schema.label_codes(train), fraction=0.5, seed=seed, duplicates=hashes)
    tables = {"train": train, "synthetic": synthetic}
    if len(held) < MIN_ROWS:
        return tables, ["No held-out images were given, so no real figure stands beside the synthetic ones."]
    halves = {"train": train.take(pa.array(kept)), "holdout": train.take(pa.array(held))}
    return tables | halves, [
        "No held-out images were given: half of the training images stand for them, though the generator saw both "
        "halves, so that its figures flatter it."
    ]


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """The images of every side as features, as pixels, and as a classifier sees them."""

    sides: Sides
    near: Sides
    """Features, for the search for copies."""
    near_pixels: Sides
    proba: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]
    embed: Callable[[pa.Table], np.ndarray]

    @classmethod
    def of(
        cls, tables: Mapping[str, pa.Table], schema: ImageSchema, embedding: ImageEmbedding | None, *, seed: int
    ) -> _Compared:
        """Fit the small classifier on the training images, and look at all sides with it."""
        train = tables["train"]
        classifier = Embedding.fit(
            schema.pixels(train), schema.label_codes(train), schema.n_classes, seed=derive(seed, "fidelity")
        )

        def embed(table: pa.Table) -> np.ndarray:
            images = schema.pixels(table)
            found = classifier.transform(images) if embedding is None else np.asarray(embedding(images))
            if found.ndim != 2 or len(found) != len(images):
                raise ValueError(f"embedding must return one row of features an image, however: {found.shape=}")
            return found

        sides = Sides.of(tables, schema, seed=seed, points=embed)
        return cls(
            sides=sides,
            near=sides,
            near_pixels=_in_pixels(sides, schema),
            proba={name: classifier.proba(schema.pixels(table)) for name, table in sides.tables.items()},
            codes={name: schema.label_codes(table) for name, table in sides.tables.items()},
            embed=embed,
        )

    def with_copies_among(self, tables: Mapping[str, pa.Table], *, seed: int) -> _Compared:
        """Look for copies among other training images than the figures are measured against."""
        schema = self.sides.schema
        assert isinstance(schema, ImageSchema)
        near = Sides.of(tables, schema, seed=seed, points=self.embed)
        return replace(self, near=near, near_pixels=_in_pixels(near, schema))

    def only(self, c: int) -> _Compared:
        """Return the images of class ``c`` alone."""
        return replace(self, sides=self.sides.only(c), near=self.near.only(c), near_pixels=self.near_pixels.only(c))

    def figures(self, label: str, counts: Mapping[str, int]) -> ClassImages:
        """Measure everything; ``counts`` are the images of each side before any thinning."""
        sides = self.sides
        lots = sides.matched.synthetic
        return ClassImages(
            label=label,
            n_train=counts["train"],
            n_holdout=counts.get("holdout", 0),
            n_synthetic=counts["synthetic"],
            n_compared=len(lots[0]) if lots else 0,
            frechet=self._distance(frechet_distance),
            kernel=self._distance(kernel_distance),
            recognised=Beside() if sides.schema.n_classes == 1 else sides.beside(self._recognised),
            near_copies=copies(self.near)[0],
            near_copies_pixels=copies(self.near_pixels)[0],
            **manifold(sides, sides.matched.train),
        )

    def _distance(self, distance: Callable[[np.ndarray, np.ndarray], float]) -> Beside:
        points, train = self.sides.points, self.sides.matched.train

        def figure(side: str, index: np.ndarray) -> float | None:
            if min(len(train), len(index)) < MIN_ROWS:
                return None
            return distance(points["train"][train], points[side][index])

        return self.sides.beside(figure)

    def _recognised(self, side: str, index: np.ndarray) -> float | None:
        seen = self.proba[side][index].argmax(axis=1)
        return float(np.mean(seen == self.codes[side][index])) if len(index) else None

    def class_score(self) -> Beside:
        """Return the class scores; without classes there is none."""
        if self.sides.schema.n_classes == 1:
            return Beside()
        return self.sides.beside(lambda side, index: class_score(self.proba[side][index]) if len(index) else None)

    def notes(self) -> tuple[str, ...]:
        """Say which classes could not be compared."""
        if not self.sides.matched.left_out:
            return ()
        names = self.sides.schema.class_names()
        listed = ", ".join(names[c] for c in self.sides.matched.left_out[:10])
        return (f"Figures over all classes leave out these, which have too few real images: {listed}.",)


def _in_pixels(sides: Sides, schema: ImageSchema) -> Sides:
    flat = {name: shrink(schema.pixels(t)).reshape(len(t), -1) for name, t in sides.tables.items()}
    return replace(sides, points=flat)
