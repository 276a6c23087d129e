"""Prefect tasks and flows over the library: thin shells that pass paths and small manifests."""
