"""Every name of the project that the reference figures use: whoever moves or renames one changes this file alone."""

# ruff: noqa: F401  # the other modules of this package import the names from here

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
from edtech.data.explore import FIGURES as EXPLORED
from edtech.data.explore import figure_frame
from edtech.economy import economy, reconcile, select_period
from edtech.economy.forecast import forecast
from edtech.economy.observed_flows import observe_flows
from edtech.economy.price_forecast import ForecastModels, ForecastPrices, compare_run_forecasts, price_scenario_effect
from edtech.economy.simulation import Assumptions
from edtech.errors import DatasetNotFoundError
from edtech.market import MarketParams, generate_market
from edtech.ml import FAMILIES
from edtech.ml.artifacts import load_result
from edtech.ml.prediction import conform_rows, template
from edtech.pipeline import TrainingPlan, train_planned
from edtech.pricing import Scenario, estimate_effects, plan_prices, price_response, revenue_curve
from edtech.pricing.constraints import Constraints
from edtech.pricing.plan_policy import actionable_plan, revenue_split
from edtech.pricing.price_changes import PriceChange, changed_prices, price_list, unit_attributes, unit_table
from edtech.pricing.scenarios import read_scenario, scenario_items
from edtech.pricing.trust_card import trust_card
from edtech.reports import read, read_file, write
from edtech.reports.archive import archived_reports
from edtech.reports.recipes import (
    ComparisonRecipe,
    EconomyRecipe,
    ForecastRecipe,
    HealthRecipe,
    RunRecipe,
    Stores,
    TrainingsRecipe,
    WhatIfRecipe,
    parse_recipe,
    report_of,
)
from edtech.reports.verify import verify
from edtech.settings import Settings
from edtech.tables.tokens import RevenueSplit
from edtech.tracking import EdTechMLFlowTracker, RunStore, compare_runs
from edtech.tracking.comparison_statistics import mean_over_seeds, paired_difference
from edtech.tracking.metric_definitions import MetricDefinition, MetricDefinitions, define_metrics
from edtech.tracking.registry import ModelRegistry
from edtech.tracking.registry_requirements import promotion_requirement, read_diagnostics, registration_requirements
from edtech.training.plans import SearchPlan, search_planned
from edtech.training.rerun import rerun
from edtech.training.search import Budget
from edtech.training.trainer import RunResult
