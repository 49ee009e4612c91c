"""What a journal entry says to a reader of each language."""

from dashboard.snapshots import summary
from foundation.journal import JournalRow


def test_units_are_said_in_the_reader_s_language() -> None:
    detail = {"zh": "编织袋", "en": "Sandbags", "have": 5200.0, "need": 8000.0, "unit": "条"}
    row = JournalRow(kind="resource.changed", actor={"name": "李"}, detail=detail)
    assert summary("zh", row) == "编织袋：现有 5200 条"
    assert summary("en", row) == "Sandbags: 5200 pcs available"
    row.detail = {**detail, "unit": "kg"}
    assert summary("en", row) == "Sandbags: 5200 kg available"
