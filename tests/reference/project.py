"""Every name of the project that the reference figures use: who moves or renames one changes this file alone."""

from edtech.data import (
    Catalogue,
    Dataset,
    check_dataset,
    difference,
    roles_for,
    sample_csv,
    suggest_kind,
    suggest_mapping,
)
from edtech.data.digest import content_digest
from edtech.data.figures import FIGURES as EXPLORED
from edtech.data.figures import figure_frame
from edtech.economy import chosen_period, economy, reconcile
from edtech.economy.forecast import forecast
from edtech.economy.observed import observe
from edtech.economy.simulation import Assumptions
from edtech.errors import DatasetNotFoundError
from edtech.market import MarketParams, generate_market
from edtech.ml import FAMILIES
from edtech.ml.artifacts import load_result
from edtech.ml.scoring import conform, template
from edtech.pipeline import TrainedRun, TrainingPlan, train_planned
from edtech.pipeline.kept import kept_reports
from edtech.pipeline.outlook import AskedPrices, Models, asked_effect, runs_ahead
from edtech.pipeline.plans import SearchPlan, search_planned
from edtech.pipeline.recipes import (
    ComparisonRecipe,
    EconomyRecipe,
    HealthRecipe,
    OutlookRecipe,
    RunRecipe,
    Stores,
    TrainingsRecipe,
    WhatIfRecipe,
    parse,
    report_of,
)
from edtech.pipeline.rerun import rerun
from edtech.pipeline.search import Budget
from edtech.pipeline.verify import verify
from edtech.pipeline.worth import plan_to_act_on, revenue_split
from edtech.pricing import answer, plan_for, price_response, revenue_curve
from edtech.pricing.asked import PriceChange, asked_prices, attributes, price_list, unit_table
from edtech.pricing.bounds import Constraints
from edtech.pricing.card import trust_card
from edtech.pricing.saved import Scenario, read_scenario, scenario_items
from edtech.reports import read, read_file, write
from edtech.settings import Settings
from edtech.tables.split import RevenueSplit
from edtech.tracking import EdTechMLFlowTracker, RunStore, compare_runs
from edtech.tracking.dictionary import MetricMemory, Said, dictionary
from edtech.tracking.gates import checks_of, decision_gate, entry_gates
from edtech.tracking.groups import by_all_but_the_seed, paired
from edtech.tracking.registry import ModelRegistry

__all__ = [
    "EXPLORED",
    "FAMILIES",
    "AskedPrices",
    "Assumptions",
    "Budget",
    "Catalogue",
    "ComparisonRecipe",
    "Constraints",
    "Dataset",
    "DatasetNotFoundError",
    "EconomyRecipe",
    "EdTechMLFlowTracker",
    "HealthRecipe",
    "MarketParams",
    "MetricMemory",
    "ModelRegistry",
    "Models",
    "OutlookRecipe",
    "PriceChange",
    "RevenueSplit",
    "RunRecipe",
    "RunStore",
    "Said",
    "Scenario",
    "SearchPlan",
    "Settings",
    "Stores",
    "TrainedRun",
    "TrainingPlan",
    "TrainingsRecipe",
    "WhatIfRecipe",
    "answer",
    "asked_effect",
    "asked_prices",
    "attributes",
    "by_all_but_the_seed",
    "check_dataset",
    "checks_of",
    "chosen_period",
    "compare_runs",
    "conform",
    "content_digest",
    "decision_gate",
    "dictionary",
    "difference",
    "economy",
    "entry_gates",
    "figure_frame",
    "forecast",
    "generate_market",
    "kept_reports",
    "load_result",
    "observe",
    "paired",
    "parse",
    "plan_for",
    "plan_to_act_on",
    "price_list",
    "price_response",
    "read",
    "read_file",
    "read_scenario",
    "reconcile",
    "report_of",
    "rerun",
    "revenue_curve",
    "revenue_split",
    "roles_for",
    "runs_ahead",
    "sample_csv",
    "scenario_items",
    "search_planned",
    "suggest_kind",
    "suggest_mapping",
    "template",
    "train_planned",
    "trust_card",
    "unit_table",
    "verify",
    "write",
]
