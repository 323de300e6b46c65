"""Own what is counted of requests in this process, for the metrics."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Meter:
    """Counts requests by route, never by address: a label has no more values than there are routes and statuses."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        labels = ("route", "method", "status")
        self._requests = Counter(
            "aftersend_http_requests_total", "Requests answered over HTTP.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "aftersend_http_request_seconds",
            "From the head of a request to the answer, in seconds.",
            ("route",),
            buckets=_BOUNDS,
            registry=self.registry,
        )

    def answered(self, route: str, method: str, status: int, took_s: float) -> None:
        """Count one request; `route` is the name of a route of ours or "none"."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(took_s)
