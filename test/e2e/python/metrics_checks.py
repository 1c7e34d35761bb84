"""metrics_checks.py ADDRESS: Prometheus's own parsers, on both texts of a server."""

import sys
import urllib.request

from prometheus_client import parser
from prometheus_client.openmetrics import parser as strict_parser

import checks

URL = f"http://{sys.argv[1]}/metrics"


def fetch(accept: str) -> str:
    request = urllib.request.Request(URL, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=120) as response:
        return response.read().decode()


def histograms_add_up(families) -> int:
    """Buckets never fall, end in +Inf, and +Inf is the count. Returns how many series there are."""
    series = 0
    for family in families:
        if family.type != "histogram":
            continue
        found = {}
        for sample in family.samples:
            labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            part = found.setdefault(labels, {"bounds": [], "counts": []})
            if sample.name.endswith("_bucket"):
                part["bounds"].append(float(sample.labels["le"]))
                part["counts"].append(sample.value)
            elif sample.name.endswith("_count"):
                part["count"] = sample.value
        for part in found.values():
            series += 1
            checks.equal(part["bounds"], sorted(set(part["bounds"])))
            checks.equal(part["counts"], sorted(part["counts"]))
            checks.equal(part["bounds"][-1], float("inf"))
            checks.equal(part["counts"][-1], part["count"])
    return series


def names(families) -> set:
    """Without _total, which the parser of the text form gives to every counter."""
    return {sample.name.removesuffix("_total") for family in families for sample in family.samples}


def prometheus_text() -> None:
    """reads the text form: typed families, histograms that add up"""
    families = list(parser.text_string_to_metric_families(fetch("text/plain")))
    types = {family.name: family.type for family in families}
    checks.equal(types["nv_inference_request_success"], "counter")
    checks.equal(types["tensorgate_request_duration_seconds"], "histogram")
    assert histograms_add_up(families) > 5


def open_metrics() -> None:
    """reads OpenMetrics, whose parser is strict, and finds the same samples"""
    families = list(strict_parser.text_string_to_metric_families(fetch("application/openmetrics-text")))
    types = {family.name: family.type for family in families}
    checks.equal(types["nv_inference_request_success"], "unknown")
    checks.equal(types["tensorgate_request_failures"], "counter")
    assert histograms_add_up(families) > 5
    text = list(parser.text_string_to_metric_families(fetch("text/plain")))
    checks.equal(names(families), names(text))


checks.run(prometheus_text, open_metrics)
