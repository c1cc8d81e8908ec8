"""Train every algorithm on generated markets with known ground truth, and write the results into docs/models.md.

python benchmarks/truth.py                        100 markets, written between the markers of docs/models.md
python benchmarks/truth.py --worlds 5 --docs ""   a quick look, nothing is written

Each finished training is a line of a file (under EDTECH_HOME unless --rows names one); a restart continues after the
last line. Lines of other code versions are ignored, so a changed algorithm changes the table. CI does not run it.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import pandas as pd

from edtech.settings import PROJECT, Settings

PRESETS = ("balanced", "confounded", "price_test", "thin", "growing")
SIZE = {"learners": 800, "teachers": 40, "courses": 60, "weeks": 26}
CODE = (
    "market",
    "ml",
    "pricing",
    "data/features.py",
    "data/point_in_time.py",
    "training/decision_value.py",
    "training/ground_truth.py",
    "training/probability_value.py",
)
"""What rows depend on: packages and modules of edtech."""
START, END = "<!-- truth bench: make truth writes what follows -->", "<!-- end of the truth bench -->"
STORED = ("fit_seconds", "decision_value_tokens", "decision_value_stars", "token_revenue", "revenue_impact")

Row = dict[str, str | int | float]


def code_digest() -> str:
    """Return a digest of the code that rows depend on."""
    named = [PROJECT / "edtech" / name for name in CODE]
    files = sorted(path for item in named for path in (item.rglob("*.py") if item.is_dir() else [item]))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def rows_of(preset: str, seed: int, code: str, done: set[tuple[str, str]]) -> list[Row]:
    """Return a row for each training on one world that is not done yet; a refused one says why."""
    os.environ["OMP_NUM_THREADS"] = "1"
    from edtech.data import Catalogue
    from edtech.errors import EdtechError
    from edtech.market import MarketParams
    from edtech.metrics import METRICS
    from edtech.ml.families import FAMILIES
    from edtech.training.trainer import train_runs

    result: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        params = MarketParams.preset(preset, seed=seed, **SIZE)
        dataset = Catalogue(Path(folder)).add_generated(params, name=f"{preset} {seed}")
        for family in FAMILIES.values():
            for name in family.algorithms_for(dataset):
                if (family.name, name) in done:
                    continue
                row: Row = {"code": code, "preset": preset, "seed": seed, "family": family.name, "algorithm": name}
                try:
                    [run] = train_runs(dataset, [name], family=family.name)
                except EdtechError as error:
                    result.append({**row, "refused": error.problem})
                    continue
                values = {
                    key: value
                    for key, value in run.metrics.items()
                    if key in STORED or (key in METRICS and METRICS[key].kind == "truth")
                }
                result.append({**row, **values})
    return result


def finished(path: Path, code: str) -> pd.DataFrame:
    """Return the rows of today's code; a line that a kill cut short is passed over."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    columns = ["code", "preset", "seed", "family", "algorithm"]
    frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)
    frame = frame[frame["code"] == code]
    return frame.drop_duplicates(columns, keep="last").reset_index(drop=True)


def run(worlds: int, processes: int, path: Path, code: str) -> pd.DataFrame:
    """Train on as many worlds, the presets in turn, and return all rows; each world is stored when it is done."""
    path.parent.mkdir(parents=True, exist_ok=True)
    there = finished(path, code)
    done = {
        key: set(zip(section["family"], section["algorithm"], strict=True))
        for key, section in there.groupby(["preset", "seed"])
    }
    worlds_to_run = [(PRESETS[number % len(PRESETS)], 1_000 + number // len(PRESETS)) for number in range(worlds)]
    began = time.monotonic()
    with (
        ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool,
        path.open("a", encoding="utf-8") as file,
    ):
        jobs = {pool.submit(rows_of, *world, code, done.get(world, set())): world for world in worlds_to_run}
        for number, job in enumerate(as_completed(jobs), 1):
            file.writelines(json.dumps(row) + "\n" for row in job.result())
            file.flush()
            left = (time.monotonic() - began) / number * (len(jobs) - number)
            print(f"{number} of {len(jobs)} worlds: {jobs[job]}, about {left / 60:.0f} min left", flush=True)
    return finished(path, code)


def measures(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the mean measures of trainings of one algorithm, as title and text; which ones depends on the family."""

    def mean(values: pd.Series, form: str = ".0%") -> str:
        values = values.dropna()
        return format(float(values.mean()), form) if len(values) else "-"

    column = rows.reindex(columns=list(dict.fromkeys([*rows.columns, *STORED]))).get
    if "elasticity_bias" in rows and rows["elasticity_bias"].notna().any():
        relative = rows["elasticity_bias"] / rows["elasticity_truth"].abs()
        value = rows["decision_value_tokens"].dropna()
        yield "bias", mean(relative, "+.0%")
        yield "MAE", mean(relative.abs())
        yield "coverage", mean(column("elasticity_covered", pd.Series(dtype=float)))
        yield "plan gain", mean(rows["decision_value_tokens"] / rows["token_revenue"], "+.1%")
        yield "losses", f"{float((value < 0).mean()):.0%}" if len(value) else "no plan"
        yield "regret", mean(column("pricing_regret_pct", pd.Series(dtype=float)) / 100, ".1%")
    for name, title, form in (
        ("probability_error", "MAE (probability)", ".3f"),
        ("probability_correlation", "correlation", ".2f"),
        ("rank_correlation_truth", "rank correlation", ".2f"),
        ("rank_covered", "rank coverage", ".0%"),
        ("effect_rmse_truth", "RMSE (stars)", ".3f"),
    ):
        if name in rows and rows[name].notna().any():
            yield title, mean(rows[name], form)
    yield "fit (s)", mean(rows["fit_seconds"], ".1f")


def tables(rows: pd.DataFrame) -> Iterator[str]:
    """Yield a table for each family: its algorithms, over all worlds and by preset."""
    for family, of_family in rows.groupby("family", sort=False):
        lines = []
        for algorithm, own in of_family.groupby("algorithm", sort=False):
            for preset, section in [("all", own), *own.groupby("preset", sort=False)]:
                trained = section[section["fit_seconds"].notna()] if "fit_seconds" in section else section.iloc[:0]
                if len(trained):
                    head = {
                        "algorithm": f"`{algorithm}`",
                        "markets": preset,
                        "trained": f"{len(trained)}/{len(section)}",
                    }
                    lines.append(head | dict(measures(trained)))
        yield f"\n`{family}`\n\n{markdown(pd.DataFrame(lines).fillna('-'))}"


def markdown(frame: pd.DataFrame) -> str:
    """Return a frame as a Markdown table."""
    rows = [list(frame.columns), ["---"] * frame.shape[1], *frame.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def advice(rows: pd.DataFrame) -> str:
    """Return, by preset, the algorithms with the smallest error of the elasticity and the largest plan gain."""
    of = rows[(rows["family"] == "token_elasticity") & rows["fit_seconds"].notna()]
    lines = []
    for preset, section in of.groupby("preset", sort=False):
        off = (
            (section["elasticity_bias"] / section["elasticity_truth"].abs()).abs().groupby(section["algorithm"]).mean()
        )
        earns = (
            (section["decision_value_tokens"] / section["token_revenue"]).groupby(section["algorithm"]).mean().dropna()
        )
        best = f"; largest plan gain: `{earns.idxmax()}` ({earns.max():+.1%})" if len(earns) else ""
        lines.append(f"- `{preset}`: smallest error of the elasticity: `{off.idxmin()}` (MAE {off.min():.0%}){best}.")
    return "\n".join(lines)


def text(rows: pd.DataFrame) -> str:
    """Return the section between the markers."""
    worlds = len(rows[["preset", "seed"]].drop_duplicates())
    size = ", ".join(f"{value:,} {name}" for name, value in SIZE.items())
    about = (
        f"{worlds} generated markets ({size}), every algorithm with its defaults. Bias and MAE\n"
        "are relative to the true own-price elasticity. Coverage: share of 95% intervals that contain it. Plan gain:\n"
        "true change of token revenue under the recommended prices. Losses: share of plans that lower true revenue.\n"
        "Regret: missed share of revenue at the optimal prices within 50%. Users do not see the plans of algorithms\n"
        "other than `choice_logit`, because visits show that courses compete."
    )
    return "\n".join([START, "", about, "", advice(rows), *tables(rows), "", END])


def write(docs: Path, content: str) -> None:
    """Put the content between the markers, or at the end where there are none."""
    before, _, others = docs.read_text(encoding="utf-8").partition(START)
    after = others.partition(END)[2] if others else "\n"
    docs.write_text(before.rstrip("\n") + "\n\n" + content + after, encoding="utf-8")


def main() -> int:
    """Run what is missing and write the table."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--worlds", type=int, default=100)
    ask.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    ask.add_argument("--rows", type=Path, default=Settings().reports_dir / "truth.jsonl")
    ask.add_argument("--docs", default=str(PROJECT / "docs" / "models.md"))
    args = ask.parse_args()
    content = text(run(args.worlds, args.processes, args.rows, code_digest()))
    if args.docs:
        write(Path(args.docs), content)
    print(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
