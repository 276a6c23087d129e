"""Prefect tasks and flows over the library: thin shells that pass paths and small manifests, never rows.

- `flows.parameters`: what a run is asked, as the form that the Prefect page shows
- `flows.tasks`: read, choose, check, train, sample, report
- `flows.augment`: the flow
- `flows.page`: what a run shows while it works, and the verdict
- `flows.demo`: the flow on a table that scikit-learn ships
- `flows.settings`: the settings of Prefect that the flows want
"""

from flows import settings

settings.apply()  # before anything imports Prefect, which reads its settings then
