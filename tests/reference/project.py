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
from edtech.data.explore import FIGURES
from edtech.data.explore import figure_frame
from edtech.economy import chosen_period, economy, reconcile
from edtech.economy.forecast import forecast
from edtech.economy.observed_flows import observe_flows
from edtech.economy.price_forecast import ForecastPrices, ForecastModels, effect_of_prices, compare_run_forecasts
from edtech.economy.simulation import Assumptions
from edtech.market import MarketParams
from edtech.ml import FAMILIES
from edtech.ml.artifacts import load_result
from edtech.ml.prediction import conform_rows, template
from edtech.pipeline import TrainingPlan, train_planned
from edtech.pricing import Scenario, estimate_effects, plan_prices, price_response, revenue_curve
from edtech.pricing.constraints import Constraints
from edtech.pricing.policy import actionable_plan, revenue_split
from edtech.pricing.price_changes import PriceChange, changed_prices, price_list, unit_attributes, unit_table
from edtech.pricing.trust_card import trust_card
from edtech.reports.recipes import (
    ComparisonRecipe,
    EconomyRecipe,
    ForecastRecipe,
    HealthRecipe,
    RunRecipe,
    Stores,
    TrainingsRecipe,
    WhatIfRecipe,
    report_of,
)
from edtech.settings import Settings
from edtech.tables.tokens import RevenueSplit
from edtech.tracking import EdTechMLFlowTracker, compare_runs
from edtech.tracking.comparison_statistics import mean_over_seeds, paired_difference
from edtech.tracking.registry_requirements import promotion_requirement, read_diagnostics, registration_requirements
from edtech.training.plans import SearchPlan, search_planned
from edtech.training.search import Budget
from edtech.training.trainer import RunResult

__all__ = [
    "EXPLORED",
    "FAMILIES",
    "ForecastPrices",
    "Assumptions",
    "Budget",
    "Catalogue",
    "ComparisonRecipe",
    "Constraints",
    "Dataset",
    "EconomyRecipe",
    "EdTechMLFlowTracker",
    "ForecastRecipe",
    "HealthRecipe",
    "MarketParams",
    "ForecastModels",
    "PriceChange",
    "RevenueSplit",
    "RunRecipe",
    "RunResult",
    "Scenario",
    "SearchPlan",
    "Settings",
    "Stores",
    "TrainingPlan",
    "TrainingsRecipe",
    "WhatIfRecipe",
    "actionable_plan",
    "effect_of_prices",
    "changed_prices",
    "check_dataset",
    "chosen_period",
    "compare_runs",
    "conform_rows",
    "difference",
    "economy",
    "estimate_effects",
    "figure_frame",
    "forecast",
    "load_result",
    "mean_over_seeds",
    "observe_flows",
    "paired_difference",
    "plan_prices",
    "price_list",
    "price_response",
    "promotion_requirement",
    "read_diagnostics",
    "reconcile",
    "registration_requirements",
    "report_of",
    "revenue_curve",
    "revenue_split",
    "roles_for",
    "compare_run_forecasts",
    "sample_csv",
    "search_planned",
    "suggest_kind",
    "suggest_mapping",
    "template",
    "train_planned",
    "trust_card",
    "unit_attributes",
    "unit_table",
]

# `realism` was named `likeness` when the reference was stored.
EXPLORED = tuple("likeness" if figure == "realism" else figure for figure in FIGURES)
