"""What `ganaug.augment` gives back: the longer table, what it is made of, and what is known about it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ganaug import seeding, steps
from ganaug.data import TableData, holdout, row_hashes
from ganaug.evaluate.effect import Effect
from ganaug.evaluate.fidelity import Fidelity, fidelity
from ganaug.evaluate.image_fidelity import ImageFidelity, image_fidelity
from ganaug.image_schema import ImageSchema
from ganaug.plans import Plan, draw_rows, fit_rows
from ganaug.progress import silent
from ganaug.report import write_report
from ganaug.request import keys_of, versions
from ganaug.runs import RunFolder, new_folder, told
from ganaug.sampling import RAISED
from ganaug.stacking import length, stack
from ganaug.steps import Run
from ganaug.synthesizer import Synthesizer
from ganaug.value_schema import ValueSchema

__all__ = ["Augmentation", "finish", "gather", "measure_fidelity", "reason_of", "report", "summarise"]

OF_FIDELITY = "checkpoint-fidelity.safetensors"
UNSEEN = 0.2
"""Share of the real rows that the generator whose fidelity is measured does not see."""
DRAWN_ROWS = 5000
"""Most synthetic rows that the fidelity is measured on."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Augmentation:
    """A table with the synthetic rows that help it, or without any where none do."""

    data: Any
    """Real rows, unchanged, then synthetic ones, in the kind of container that came in; a file gives a DataFrame."""
    synthetic: Any
    """The synthetic rows of ``data`` alone, in the same kind of container; there may be none."""
    is_synthetic: np.ndarray
    """Which rows of ``data`` are synthetic, bool ``(n,)``."""
    effect: Effect | None
    """What the check measured; None with ``check=False``."""
    synthesizer: Synthesizer
    """The generator, fitted to all rows; it draws more rows of any class."""
    summary: dict[str, Any]
    """What was done, in plain values: rows, synthetic rows by class, the decision in a sentence, seed, options."""
    report: Path | str | None
    """Where report.html lies, if something was written: a path, or a URL."""
    run: Run

    def __repr__(self) -> str:
        added = {entry["name"]: entry["synthetic"] for entry in self.summary["classes"] if entry["synthetic"]}
        verdict = "not checked" if self.effect is None else repr(self.effect.verdict)
        return (
            f"Augmentation(rows={self.summary['rows']:_}, synthetic={added}, verdict={verdict}, "
            f"variant={self.synthesizer.variant!r}, report={None if self.report is None else str(self.report)!r})"
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write everything to ``folder``, which must be absent or empty, and return it; all of it appears, or nothing.

        Files written: ``synthetic/`` (Parquet and ``manifest.json``), ``synthesizer/`` (`Synthesizer.load` reads it),
        ``report.html``, ``report.json``, ``report.md``, ``effect.json``, ``fidelity.json``, ``plan.json``,
        ``run.json``, ``training/`` (how the generator was trained: ``history.jsonl``, and of images ``samples/``), and
        of images ``contact-sheets/``.
        `augment` with ``out=folder``, the same data and the same options returns what is stored there.

        Raises
        ------
        OutputError
            The folder is not empty, or cannot be written to.
        """
        described = self.run.request.describe(self.run.rows)
        with new_folder(folder) as scratch:
            keys = keys_of(described, self.run.seed)
            place = RunFolder.open(scratch, request=described, seed=self.run.seed, versions=versions(), keys=keys)
            results = {**self.run.results, steps.TRAINING: steps.pictures(self.run)}
            finish(replace(self.run, folder=place, results=results))
        return Path(folder)


def finish(run: Run) -> None:
    """Take every step that is not taken yet, and record that the run is finished."""
    steps.plan(run)
    steps.check(run)
    steps.train(run)
    steps.draw(run)
    measure_fidelity(run)
    report(run)
    if run.folder is not None and not run.folder.finished:
        run.folder.finish()


def gather(run: Run) -> Augmentation:
    """Put the results of a finished run together."""
    schema, made = run.rows.schema, steps.draw(run)
    synthetic = schema.restore(made)
    real = run.data if _stacks(run.data, synthetic, schema) else schema.restore(run.rows.table)
    data = stack(real, synthetic)
    return Augmentation(
        data=data,
        synthetic=synthetic,
        is_synthetic=np.arange(length(data)) >= length(real),
        effect=steps.check(run),
        synthesizer=steps.train(run),
        summary=summarise(run),
        report=None if run.folder is None else run.folder.place_of("report.html"),
        run=replace(run, progress=silent),
    )


def _stacks(data: Any, synthetic: Any, schema: Any) -> bool:
    """Tell whether the synthetic rows go below the rows as they were given: not below a path, or images of other sizes.

    Columns of images may hold paths or images of several sizes, and lose what is neither image nor label.
    """
    if isinstance(data, str | os.PathLike):
        return False
    if not isinstance(schema, ImageSchema):
        return True
    return isinstance(data, tuple) and data[0].shape[1:] == synthetic[0].shape[1:]


def summarise(run: Run) -> dict[str, Any]:
    """Say what was done, in plain JSON values."""
    schema, made = run.rows.schema, steps.draw(run)
    names = schema.class_names()
    real = np.bincount(run.codes, minlength=schema.n_classes).tolist()
    synthetic = np.bincount(schema.label_codes(made), minlength=schema.n_classes).tolist()
    return {
        "rows": len(run.rows.table),
        "synthetic_rows": len(made),
        "classes": [
            {"name": name, "real": a, "synthetic": b} for name, a, b in zip(names, real, synthetic, strict=True)
        ],
        "decision": _decision(run, synthetic, names),
        "warnings": run.warnings,
        "target": schema.target,
        "id_columns": schema.id_columns,
        "sampling_strategy": "policy" if run.request.by_policy else "counts",
        "variant": steps.train(run).variant,
        "random_state": run.seed,
    }


def measure_fidelity(run: Run) -> Fidelity | ImageFidelity | None:
    """Compare synthetic rows with real ones that their generator has not seen; None where no check was asked for.

    The generator that the caller gets has seen every row, so that another one is fitted to four fifths of them. Rows of
    a table are drawn from it in the way that the plan says, labelled or filtered as the caller's are; of images the
    generator's own are looked at, as moved real ones are near copies on purpose.
    """
    images = isinstance(run.rows.schema, ImageSchema)
    compare, read = (image_fidelity, ImageFidelity.from_json) if images else (fidelity, Fidelity.from_json)

    def make() -> Fidelity | ImageFidelity | None:
        """Fit the other generator, draw from it, and compare."""
        if run.request.depth is None:
            return None
        table, schema = run.rows.table, run.rows.schema
        hashes = row_hashes(table, schema.feature_names)
        seen, unseen = holdout(run.codes, fraction=UNSEEN, seed=run.seed, duplicates=hashes)
        kept = TableData(table=table.take(pa.array(seen)), schema=schema)
        planned = Plan(counts={}) if images else steps.plan(run)
        shown = run.showing("fidelity")
        options = {**run.fitting, "planned": planned, "progress": shown}
        generator = run.resumed(OF_FIDELITY, lambda at: fit_rows(kept, **options, checkpoint=at))
        labels = seeding.numpy_rng(run.seed, "fidelity").permutation(run.codes)[:DRAWN_ROWS]
        counts = dict(enumerate(np.bincount(labels, minlength=schema.n_classes).tolist()))
        drawn = draw_rows(
            generator, replace(planned, counts=counts), kept, seed=seeding.derive(run.seed, "fidelity"), progress=shown
        )
        return compare(kept.table, table.take(pa.array(unseen)), drawn, schema, seed=run.seed)

    found = run.once_json("fidelity.json", make, read)
    run.forget(OF_FIDELITY)
    return found


def report(run: Run) -> Path | str | None:
    """Write report.html, report.json and report.md into the run's folder; return where the first is, if anywhere."""
    if run.folder is None:
        return None
    path = run.folder.path / "report.html"
    if not path.exists():
        synthesizer, effect = steps.train(run), steps.check(run)
        with told(path):
            write_report(
                run.folder.path,
                summary=summarise(run),
                effect=steps.to_json(effect),
                fidelity=steps.to_json(measure_fidelity(run)),
                real=run.rows.table,
                synthetic=steps.draw(run),
                schema=run.rows.schema,
                history=_in_order(synthesizer.history),
                provenance=_in_order(synthesizer.provenance),
            )
        run.folder.keep("report.json", "report.md", "contact-sheets", "report.html")
    return run.folder.place_of("report.html")


def _in_order(value: Any) -> Any:
    """Return plain JSON with sorted keys, so that a generator that was loaded gives the report of a fresh one."""
    return json.loads(json.dumps(value, sort_keys=True))


def reason_of(run: Run) -> str:
    """Say in a few words why so many rows are planned."""
    choice = steps.plan(run).choice
    if choice is not None:
        return choice.reason
    if run.request.by_policy and isinstance(run.rows.schema, ValueSchema):
        return (
            f"as every range of {run.rows.schema.target} is raised to {RAISED:.0%} of the fullest one's rows: a rule, "
            "which nothing has chosen by cross-validation"
        )
    if run.request.by_policy:
        return "as many as there are real ones, as there is no target to choose by"
    return "as asked"


def _decision(run: Run, synthetic: list[int], names: list[str]) -> str:
    planned, effect = steps.plan(run), steps.check(run)
    if any(synthetic):
        parts = [f"{n:,} of {name}" for name, n in zip(names, synthetic, strict=True) if n]
        why = reason_of(run)
        if planned.choice is not None:
            chosen = planned.choice.candidate
            why = f"chosen by the policy: {why}; {chosen.name} stands for {chosen.meaning}"
        return f"{sum(synthetic):,} synthetic rows were added ({', '.join(parts)}), {why}."
    if planned.total and effect is not None:
        return f"No row was added, as the check's verdict is {effect.verdict!r}."
    if planned.choice is not None:
        return f"No row was added: {planned.choice.reason}."
    if run.request.by_policy and isinstance(run.rows.schema, ValueSchema):
        return (
            f"No row was added, as every range of {run.rows.schema.target} has {RAISED:.0%} of the fullest one's rows."
        )
    return "No row was added, as none was asked for."
