"""Measure the complete pipeline from the shell, with start-up, on 10,000 learners, 500 teachers and 2,000 courses.

python benchmarks/bench_pipeline.py      exits with 1 if the time is above its target
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

from edtech.settings import PROJECT

SECONDS = 40.0
SIZE = ("--learners", "10000", "--teachers", "500", "--courses", "2000", "--weeks", "52")
ALGORITHMS = "fixed_effects,linear,polynomial,gam,random_forest,gradient_boosting"


def main() -> bool:
    """Print wall and processor time and return whether the target is met."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [sys.executable, "-m", "edtech", "pipeline", *SIZE, "--algorithms", ALGORITHMS, "--out", folder]
        began = time.perf_counter()
        subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"the pipeline: {took:.1f} s on {os.cpu_count()} cores (target {SECONDS:g} s on two)")
    print(f"processor time of its processes: {used.ru_utime + used.ru_stime:.1f} s")
    return took <= SECONDS


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
