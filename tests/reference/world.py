"""The home that all figures come from: its data sets and its trained runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.reference.inputs import MARKETS, OFFER_ROLES, PANEL_ROLES, QUICK, ROLES_OF, VARIANTS, offers_csv, panel_csv
from tests.reference.project import (
    FAMILIES,
    Catalogue,
    Dataset,
    MarketParams,
    RunResult,
    Settings,
    Stores,
    TrainingPlan,
    roles_for,
    sample_csv,
    suggest_kind,
    suggest_mapping,
    train_planned,
)
from tests.reference.values import Figures, plain, under


@dataclass
class World:
    """A home with data sets and trained runs, both by a name of ours."""

    settings: Settings
    datasets: dict[str, Dataset] = field(default_factory=dict)
    trained: dict[str, RunResult] = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)

    @property
    def stores(self) -> Stores:
        return Stores.of(self.settings)

    @property
    def runs(self) -> dict[str, str]:
        return {name: str(run.run_id) for name, run in self.trained.items()}

    @property
    def times(self) -> frozenset[float]:
        """Wall times that runs logged: no figures."""
        return frozenset(run.metrics["fit_seconds"] for run in self.trained.values())


def stored_upload(world: World, name: str, content: bytes, kind: str, roles: Mapping[str, Any]) -> None:
    """Read a file the way the Data page does, record what is suggested for it, and store it."""
    catalogue = Catalogue(world.settings.data_dir)
    path = world.settings.root / f"{name}.csv"
    path.write_bytes(content)
    upload = catalogue.stage(path.name, path)
    try:
        suggested = suggest_mapping(upload.frame, kind)
        figures = {
            "rows and bytes": [upload.rows, upload.size],
            "suggested kind": suggest_kind(upload.frame),
            "suggested columns": plain(suggested),
        }
        world.datasets[name] = catalogue.add_upload(upload, roles_for(kind, {**suggested, **roles}), name=name)
    finally:
        upload.close()
    figures["remembered"] = catalogue.saved_mapping(upload.columns, kind) is not None
    world.figures |= under(f"upload/{name}", figures)


def make_datasets(world: World) -> None:
    catalogue = Catalogue(world.settings.data_dir)
    for name, changes in MARKETS.items():
        world.datasets[name] = catalogue.add_generated(MarketParams.preset(name, **changes), name=name)
    stored_upload(world, "panel", panel_csv(), "panel", PANEL_ROLES)
    stored_upload(world, "visits", sample_csv("visits"), "visits", {})
    stored_upload(world, "churn", sample_csv("labels"), "labels", {})
    stored_upload(world, "ratings", sample_csv("ratings"), "ratings", {})
    stored_upload(world, "offers", offers_csv(), "labels", OFFER_ROLES)
    stored_upload(world, "finished", offers_csv(), "labels", OFFER_ROLES | {"task": "completion", "time": None})


def train(world: World, data: str, family: str, algorithm: str, variant: str = "", repeats: int = 1) -> None:
    """Train and log as the Train page does; the run is called `data/family/algorithm/variant`."""
    fields = FAMILIES[family].algorithm(algorithm).params.model_fields
    plan = TrainingPlan(
        world.datasets[data].id,
        family,
        (algorithm,),
        {algorithm: {name: value for name, value in QUICK.items() if name in fields}},
        roles=VARIANTS.get(variant, {}),
        repeats=repeats,
    )
    name = "/".join(section for section in (data, family, algorithm, variant) if section)
    for number, run in enumerate(train_planned(plan, world.settings), 1):
        world.trained[name if repeats == 1 else f"{name}/seed {number}"] = run


def train_all(world: World) -> None:
    """Train every algorithm that fits the first market and the panel, and some on the other data sets."""
    for data in ("price_test", "panel", "offers", "churn", "ratings", "finished"):
        for family in FAMILIES.values():
            algorithms = family.algorithms_for(world.datasets[data])
            world.figures[f"algorithms/{data}/{family.name}"] = list(algorithms)
            for algorithm in algorithms if data in ("price_test", "panel") else algorithms[:1]:
                train(world, data, family.name, algorithm, ROLES_OF.get(algorithm, ""))
    for algorithm in ("choice_logit", "fixed_effects"):
        train(world, "confounded", "token_elasticity", algorithm)
    for variant in VARIANTS:
        train(world, "panel", "token_elasticity", "fixed_effects", variant)
    train(world, "panel", "token_elasticity", "random_forest", "repeated", repeats=2)
