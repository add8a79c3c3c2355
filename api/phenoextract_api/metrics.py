"""What Prometheus may read: counts and times by route and outcome, nothing of a letter, a request or a person."""

from __future__ import annotations

import os

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from phenoextract_api.monitoring.tallies import EDGES, Measure

MEDIA_TYPE = CONTENT_TYPE_LATEST
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # must be set before this module is imported, if there are many processes
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

requests = Counter("phenoextract_requests", "Requests answered.", ["method", "route", "status"])
request_seconds = Histogram("phenoextract_request_seconds", "Time to answer a request.", ["route"], buckets=_SECONDS)
letters = Counter("phenoextract_letters", "Letters coded, or why not.", ["outcome"])
coding_seconds = Histogram("phenoextract_coding_seconds", "Time to code a letter, without waiting.", buckets=_SECONDS)
waiting = Gauge("phenoextract_letters_waiting", "Letters waiting or being coded.", multiprocess_mode="livesum")
letter_words = Histogram(
    "phenoextract_letter_words", "Words of four letters or more in a letter.", buckets=EDGES[Measure.WORDS]
)
letter_unknown_share = Histogram(
    "phenoextract_letter_unknown_share",
    "Share of these that neither the lexicon nor the list of English knows.",
    buckets=EDGES[Measure.UNKNOWN],
)
letter_proposals = Histogram(
    "phenoextract_letter_proposals", "Terms proposed for a letter.", buckets=EDGES[Measure.PROPOSALS]
)
proposals = Counter(
    "phenoextract_proposals", "Terms proposed, by branch of the HPO and confidence.", ["branch", "status", "band"]
)

canaries = Gauge(
    "phenoextract_canaries",
    "Letters with known codes by what came of them when the service started.",
    ["result"],
    multiprocess_mode="max",
)


def render() -> bytes:
    """Give every metric in Prometheus's text format, of all worker processes together."""
    if SHARED_FOLDER not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
