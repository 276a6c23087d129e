"""Results to a report: one HTML file to show to others, the same as JSON for programs, and a short Markdown.

- `write`: the files, and all that the templates show
- `samples`: pictures of synthetic rows beside real ones, for the report and for others
- `tables`, `words`: JSON to rows, numbers to text
- `effect_charts`, `data_charts`, `training_charts`: what was measured, the rows themselves, and how the generator was
  trained, as SVG
- `theme`: colours, and matplotlib figures that follow them

The templates lie in ``ganaug/templates``.
"""

from __future__ import annotations

from ganaug.report.samples import Picture, sample_pictures
from ganaug.report.training_charts import noticed, training_picture
from ganaug.report.write import write_report

__all__ = ["Picture", "noticed", "sample_pictures", "training_picture", "write_report"]
