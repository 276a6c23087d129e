"""What is measured rather than tested: run by hand, never by CI. ``pip install -e '.[peers]'`` brings what is compared.

- ``python -m tests.benchmarks.effect``: does augmenting help, on ten real tables, beside the cheap ways and the peers?
- ``python -m tests.benchmarks.scarce``: does training gain over its own start, on large real tables made scarce?
- ``python -m tests.benchmarks.tables_speed``: how long tables take, how good they are, CTGAN beside it.
- ``python -m tests.benchmarks.variants``: how good is every variant, by the figures of the literature?
"""
