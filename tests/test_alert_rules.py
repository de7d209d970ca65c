"""The alerts for Prometheus speak of metrics and labels that the server shows."""

import json
import re
from pathlib import Path

import pytest

from radiusd.metrics.counters import Counts
from radiusd.metrics.exposition import SHARED, SUMMED, Metrics, render_page

TEXT = (Path(__file__).parents[1] / "contrib/latchkey.rules.yml").read_text("utf-8")
EXPRESSIONS = dict(re.findall(r"- alert: (\w+)\n +expr: (?:\|\n)?(.*?)\n        (?:for|labels):", TEXT, re.DOTALL))


@pytest.fixture(scope="module")
def page():
    """What a scrape shows of a server that has counted one of everything."""
    counts = Counts()
    counts.request("ap", "hostapd", "reject", "expired", 0.1)
    for cause in ("queue-full", "too-late", "store", "wrong-secret"):
        counts.discards[cause] += 1
    metrics = Metrics(("127.0.0.1", 0), 1)
    connector = {"connector": "hudson", "held": True, "last_run": 2.0, "last_complete": 1.0, "records": {"add": 1}}
    with metrics.meter().counting(counts, lambda: dict.fromkeys((*SUMMED, *SHARED), 1), lambda: [connector]):
        pass
    metrics.listener.close()
    return render_page(metrics.slots, False)[1].decode()


def test_every_alert_has_an_expression():
    assert len(EXPRESSIONS) == TEXT.count("- alert:") == TEXT.count("summary:")


@pytest.mark.parametrize("alert", EXPRESSIONS)
def test_what_an_alert_asks_for_is_shown(page, alert):
    selectors = re.findall(r"\b((?:latchkey|process)_\w+)(\{[^}]*\})?", EXPRESSIONS[alert])
    assert selectors or EXPRESSIONS[alert].startswith("up{")
    for name, labels in selectors:
        shown = re.findall(rf"^{name}(?:\{{(.*)\}})? ", page, re.MULTILINE)
        assert shown, name
        for label, how, value in re.findall(r'(\w+)(=~|=)"([^"]*)"', labels):
            if label != "job":  # Prometheus's own
                wanted = value.split("|") if how == "=~" else [value]
                assert all(any(f"{label}={json.dumps(each)}" in line for line in shown) for each in wanted)
        for group in re.findall(r"by \(([\w, ]+)\)", EXPRESSIONS[alert]):
            assert all(f"{label}=" in shown[0] for label in group.split(", ") if label != "instance")
