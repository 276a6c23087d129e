"""The tests. A package of its own, as one of the benchmark's peers installs another ``tests``."""
