"""Public example files load by upload with at most a choice of mapping; skipped if they are not available."""

from pathlib import Path

import pytest

from edtech.data import (
    build_panel,
    check_dataset,
    check_panel,
    combine_columns,
    read_upload,
    roles_for,
    suggest_kind,
    suggest_mapping,
    suggest_roles,
)
from edtech.data.summary import summary
from edtech.tables.roles import LabelRoles, PanelRoles


def test_the_media_example_loads(examples: Path):
    upload = read_upload("pricing_sample.csv", examples / "pricing_media" / "pricing_sample.csv")
    suggestion = suggest_roles(upload.frame)
    assert (suggestion.price, suggestion.quantity, suggestion.unit, suggestion.period) == (
        "price",
        "demand",
        None,
        None,
    )
    roles = suggestion.roles().model_copy(update={"controls": upload.columns[:9]})
    panel = build_panel(upload.frame, roles)
    assert len(panel) == 10_000
    result = {check.code: check for check in check_panel(panel, roles)}
    assert result["repeated_units"].severity == result["randomized_prices"].severity == "REVIEW"
    assert "covariates" in result["learnable"].evidence


def test_the_cereal_example_loads_with_city_and_product_as_unit(examples: Path):
    upload = read_upload("nevo_products.csv.gz", examples / "cereal_panel" / "nevo_products.csv.gz")
    suggestion = suggest_roles(upload.frame)
    assert set(suggestion.unit_parts) == {"city_ids", "product_ids"}
    assert len(suggestion.instruments) == 20
    frame = combine_columns(upload.frame, suggestion.unit_parts, "unit")
    roles = PanelRoles(**suggestion.roles().model_dump() | {"unit": "unit"})
    panel = build_panel(frame, roles)
    assert (len(panel), panel["unit"].nunique()) == (2_256, 1_128)
    result = {check.code: check for check in check_panel(panel, roles)}
    assert "instruments" in result["learnable"].evidence
    assert result["leakage"].severity == "PASS"


@pytest.mark.parametrize(
    ("file", "rows", "label", "share", "positive"),
    [
        ("oulad/student.csv.gz", 32_593, "final_result", 10_156 / 32_593, {}),
        ("oulad/student.csv.gz", 32_593, "final_result", 15_385 / 32_593, {"positive": ("Pass", "Distinction")}),
        ("student_dropout/students_dropout_academic_success.csv", 4_424, "target", 1_421 / 4_424, {}),
        ("telco_churn/Telco-Customer-Churn.csv.gz", 7_043, "Churn", 1_869 / 7_043, {}),
    ],
)
def test_the_other_examples_load_as_labeled_rows(examples: Path, catalogue, file, rows, label, share, positive):
    upload = catalogue.stage(file, examples / file)
    assert upload.rows == rows
    assert suggest_roles(upload.frame).price is None
    stored = catalogue.add_upload(upload, LabelRoles(**suggest_mapping(upload.frame, "labels") | positive), name="x")
    table = stored.main()
    assert table[label].mean() == pytest.approx(share)
    assert (stored.mapping.label, stored.rows) == (label, rows)
    assert len(stored.mapping.features) > 8


def test_text_that_should_be_numbers_is_noted_and_read_as_numbers(examples: Path, catalogue):
    upload = catalogue.stage("telco.csv.gz", examples / "telco_churn" / "Telco-Customer-Churn.csv.gz")
    assert any(
        "'TotalCharges' is read as text; not numbers: 11 of 7,043 cells (all blank" in note for note in upload.notes
    )
    stored = catalogue.add_upload(upload, LabelRoles(**suggest_mapping(upload.frame, "labels")), name="x")
    charges = stored.main()["TotalCharges"]
    assert (charges.dtype, int(charges.isna().sum())) == ("float64", 11)


OURS = {
    "pricing_media/pricing_sample.csv": ("panel", 10_000, {}),
    "cereal_panel/nevo_products.csv.gz": ("panel", 2_256, {}),
    "oulad/student.csv.gz": ("labels", 32_593, {}),
    "student_dropout/students_dropout_academic_success.csv": ("labels", 4_424, {"as_of": "enrollment"}),
    "telco_churn/Telco-Customer-Churn.csv.gz": ("labels", 7_043, {}),
}


@pytest.mark.parametrize("file", OURS)
def test_every_example_loads_as_suggested_and_has_its_health(examples: Path, catalogue, file):
    kind, rows, selection = OURS[file]
    upload = catalogue.stage(file, examples / file)
    assert suggest_kind(upload.frame) == kind
    start, parts = dict(suggest_mapping(upload.frame, kind)), ()
    if kind == "panel" and (parts := suggest_roles(upload.frame).unit_parts):
        start["unit"] = "unit (combined)"
    stored = catalogue.add_upload(upload, roles_for(kind, start | selection), name="x", unit_parts=parts)
    upload.close()
    assert stored.rows == rows
    assert summary(stored)
    result = {check.code: check for check in check_dataset(stored)}
    assert list(result)[-1] == "learnable"
    if "media" in file:
        assert "each row is a separate offer" in result["repeated_units"].evidence
        assert "No column flags" in result["randomized_prices"].evidence
    if "oulad" in file:
        assert result["duplicates"].evidence == "0 of 32,593 rows equal another row in every column."
    if "dropout" in file:
        assert result["known_later"].severity == "FAIL"
        assert result["known_later"].evidence.count("sem (") == 12
