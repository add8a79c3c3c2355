"""The figures of monitoring in Prometheus's text format, read from the store when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from phenoextract_api.monitoring.figures import Figures, Rate


class _Gauges(Collector):
    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        yield from _weekly(self._figures)
        yield _alerts(self._figures)
        yield from _groups(self._figures)


def render(figures: Figures) -> bytes:
    """Give the newest rates with their limits, the drift, the alerts, and counts by group."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Gauges(figures))
    return generate_latest(registry)


def _weekly(figures: Figures) -> Iterator[Metric]:
    rates = GaugeMetricFamily("phenoextract_review_rate", "Rate of the newest week with enough cases.", labels=["rate"])
    limits = GaugeMetricFamily(
        "phenoextract_review_rate_limit", "Control limits of that rate.", labels=["rate", "limit"]
    )
    drift = GaugeMetricFamily(
        "phenoextract_letter_drift", "Population stability index of the newest week.", labels=["measure"]
    )
    drift_limit = GaugeMetricFamily("phenoextract_letter_drift_limit", "Limit of that index.", labels=["measure"])
    for rate, weeks in figures.rates.items():
        newest = next((week for week in reversed(weeks) if week.share is not None), None)
        if newest is not None and newest.share is not None:
            rates.add_metric([rate.value], newest.share.value)
            if newest.limits is not None:
                limits.add_metric([rate.value, "lower"], newest.limits.lower)
                limits.add_metric([rate.value, "upper"], newest.limits.upper)
    for measure, found in figures.drift.items():
        last = next((week for week in reversed(found) if week.index is not None), None)
        if last is not None and last.index is not None and last.limit is not None:
            drift.add_metric([measure.value], last.index)
            drift_limit.add_metric([measure.value], last.limit)
    yield from (rates, limits, drift, drift_limit)


def _alerts(figures: Figures) -> Metric:
    found = GaugeMetricFamily(
        "phenoextract_monitoring_alert", "1 if this figure is beyond its limits now.", labels=["figure"]
    )
    raised = {alert.name for alert in figures.alerts}
    for name in (*figures.rates, *(f"drift_{measure}" for measure in figures.drift)):
        found.add_metric([str(name)], float(name in raised))
    return found


def _groups(figures: Figures) -> Iterator[Metric]:
    outcomes = GaugeMetricFamily(
        "phenoextract_reviewed", "Suggestions of the period by outcome.", labels=["by", "value", "outcome"]
    )
    shares = GaugeMetricFamily("phenoextract_review_share", "Rates of the period.", labels=["by", "value", "rate"])
    unmatched = GaugeMetricFamily(
        "phenoextract_unmatched_phrases", "Phrases given a term, or another, by hand.", labels=["by", "value"]
    )
    for group in (figures.total, *figures.groups):
        for outcome, count in (group.counts or {}).items():
            outcomes.add_metric([group.by.value, group.value, outcome.value], count)
        for rate in Rate:
            share = group.share(rate)
            if share is not None:
                shares.add_metric([group.by.value, group.value, rate.value], share.value)
        if group.unmatched is not None:
            unmatched.add_metric([group.by.value, group.value], group.unmatched)
    yield from (outcomes, shares, unmatched)
