"""Rows from a saved artefact into Parquet, in a process of its own, so that its peak of memory is that of the writing.

    python -m tests.benchmarks.writing ARTEFACT ROWS FOLDER

prints one line of JSON: rows, seconds, peak_mib. ``FOLDER`` must be new.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ganaug import Synthesizer, write_parquet

__all__ = ["Written", "in_a_child", "peak_mib", "write"]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What writing cost."""

    rows: int
    seconds: float
    """From the first row drawn to the manifest, loading left out."""
    peak_mib: float
    """Largest resident set of the whole process, Python and torch included."""


def write(artefact: Path, rows: int, folder: Path) -> Written:
    """Draw ``rows`` rows chunk by chunk and write them to ``folder``."""
    synthesizer = Synthesizer.load(artefact)
    began = time.perf_counter()
    chunks = synthesizer.sample_chunks(rows, random_state=0)
    write_parquet(chunks, folder, schema=synthesizer.schema.arrow, provenance=synthesizer.provenance)
    return Written(rows=rows, seconds=time.perf_counter() - began, peak_mib=peak_mib())


def in_a_child(artefact: Path, rows: int, folder: Path) -> Written:
    """Run `write` in a fresh process."""
    command = [sys.executable, "-m", __spec__.name, str(artefact), str(rows), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return Written(**json.loads(done.stdout.splitlines()[-1]))


def peak_mib() -> float:
    """Return the peak of this process; getrusage's, on Linux, would count what the parent held when it forked."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    print(json.dumps(asdict(write(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))))
