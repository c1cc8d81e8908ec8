"""PostgreSQL for one test: locate it, or install it with `python tests/postgres.py` on Debian as root."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.serving import TRIES, free_port
from tests.waiting import SECONDS

USER = "postgres"


def find() -> Path | None:
    """Return the folder of PostgreSQL's programs: $PG_BIN, on the PATH, else Debian's newest; None without any."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parts[-2]), reverse=True)
    on_path = shutil.which("initdb")
    folders = [os.environ.get("PG_BIN"), on_path and Path(on_path).parent, *installed]
    return next((Path(folder) for folder in folders if folder and Path(folder, "initdb").exists()), None)


def install() -> None:
    """Install Debian's package if this process may."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update"], check=True)
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", "postgresql"], check=True)


@contextmanager
def postgres(programs: Path, folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server in a folder; yield the address of its database for SQLAlchemy."""
    as_user = {"user": USER} if os.geteuid() == 0 else {}  # it refuses to run as root
    data = folder / "data"
    if as_user:
        shutil.chown(folder, USER)
    here = {**as_user, "cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([programs / "initdb", "-D", data, "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8"], **here)
    control = [programs / "pg_ctl", "-D", data]
    for remaining in reversed(range(TRIES)):
        port = free_port()
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        start = [*control, "-w", "-t", str(SECONDS), "-l", folder / "log", "-o", options, "start"]
        if subprocess.run(start, **here | {"check": not remaining}).returncode == 0:
            break
    try:
        yield f"postgresql+pg8000://{USER}@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **here)


if __name__ == "__main__":
    if find() is None:
        install()
    if find() is None:
        print("No PostgreSQL: its test is skipped.", file=sys.stderr)
