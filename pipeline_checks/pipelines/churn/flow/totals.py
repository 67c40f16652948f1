"""What a run of the consumer came to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline_checks.pipelines.churn.flow.instants import utc_text
from pipeline_checks.pipelines.churn.flow.outcomes import Outcome

HIGH_RISK: Final = 0.7


@dataclass
class Totals:
    """Counts of what was committed."""

    predictions: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    probabilities: float = 0.0
    high_risk: int = 0
    seconds_of_messages: float = 0.0

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count the outcomes of a committed batch."""
        for outcome in outcomes:
            self.seconds_of_messages += outcome.seconds
            if outcome.failure is not None:
                self.failures[outcome.failure.error_type] += 1
            elif outcome.prediction is not None:
                self.predictions[outcome.prediction["prediction"]] += 1
                self.probabilities += outcome.prediction["churn_probability"]
                self.high_risk += outcome.prediction["churn_probability"] >= HIGH_RISK

    @property
    def succeeded(self) -> int:
        """Messages with a prediction."""
        return self.predictions.total()

    @property
    def failed(self) -> int:
        """Messages with a dead letter."""
        return self.failures.total()

    @property
    def processed(self) -> int:
        """Messages with an outcome."""
        return self.succeeded + self.failed

    def log_line(self) -> str:
        """Return the last line of the log."""
        processed = max(1, self.processed)
        return (
            f"processed {self.processed}, succeeded {self.succeeded}, failed {self.failed} "
            f"(validation {self.failures['validation_error']}, inference {self.failures['inference_error']}), "
            f"success rate {self.succeeded / processed:.2%}, "
            f"average latency {self.seconds_of_messages / processed * 1000:.2f} ms"
        )

    def summary(self, seconds: float) -> dict[str, Any]:
        """Return the summary of a run of so many seconds as JSON values; what nothing was counted for is null."""
        succeeded, processed = self.succeeded, self.processed
        return {
            "total_predictions": succeeded,
            "churn_predictions": {"Yes": self.predictions["Yes"], "No": self.predictions["No"]},
            "churn_rate": self.predictions["Yes"] / succeeded if succeeded else None,
            "average_churn_probability": round(self.probabilities / succeeded, 6) if succeeded else None,
            "high_risk_customers": self.high_risk,
            "timestamp": utc_text(),
            "warning": None if processed else "no message was processed",
            "failures": dict(self.failures),
            "pipeline_metrics": {
                "messages_processed": processed,
                "processing_duration_sec": round(seconds, 3),
                "throughput_msg_per_sec": round(processed / seconds, 3) if seconds else None,
                "success_rate": succeeded / processed if processed else None,
            },
        }
