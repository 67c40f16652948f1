"""A batch of messages through validation, features and model. Every message gets exactly one outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pipeline_checks.pipelines.churn.flow.fault_switches import (
    BLANK_TOTAL_RAISES,
    MODEL_RAISES,
    OUTPUT_BREAKS,
    UNFORESEEN,
    FaultSwitches,
    InjectedFault,
)
from pipeline_checks.pipelines.churn.flow.features import FeatureError, Row, feature_row, matrix
from pipeline_checks.pipelines.churn.flow.instants import utc_text
from pipeline_checks.pipelines.churn.flow.outcomes import Failure, Input, Outcome, read_object

if TYPE_CHECKING:
    from pipeline_checks.clients.fitted_model import FittedModel
    from pipeline_checks.pipelines.churn.flow.validation import SchemaValidator

_log = logging.getLogger(__name__)


@dataclass
class _Message:
    """A message on its way; ``row`` are its features, ``probability`` what the model said."""

    source: Input
    body: Mapping[str, Any] = field(default_factory=dict)
    row: Row | None = None
    probability: float | None = None
    inference_seconds: float = 0.0
    failure: Failure | None = None
    prediction: dict[str, Any] | None = None
    parts: dict[str, float] = field(default_factory=dict)


class Scorer:
    """Turns messages into predictions and failures.

    Parameters
    ----------
    customers, predictions:
        Validators of input and output; None to validate neither.
    """

    def __init__(
        self,
        model: FittedModel,
        customers: SchemaValidator | None,
        predictions: SchemaValidator | None,
        faults: FaultSwitches | None = None,
    ) -> None:
        self._model = model
        self._customers = customers
        self._predictions = predictions
        self._faults = faults or FaultSwitches()

    def score(self, batch: Sequence[Input]) -> list[Outcome]:
        """Return the outcome of each message, in their order."""
        begun = perf_counter()
        messages = [_Message(source) for source in batch]
        for message in messages:
            self._guarded(message, self._read)
            if message.failure is None:
                self._guarded(message, self._transform)
        ready = [m for m in messages if m.failure is None]
        self._infer(ready)
        for message in ready:
            if message.failure is None:
                self._guarded(message, self._compose)
        outcomes = []
        for m in messages:
            seconds = perf_counter() - begun
            outcomes.append(Outcome(m.source, m.prediction, m.failure, seconds, m.parts))
        return outcomes

    def _guarded(self, message: _Message, step: Callable[[_Message], None]) -> None:
        try:
            step(message)
        except Exception as error:  # whatever it is, it must not take the other messages with it
            _log.exception("unexpected error", extra=_about(message, "processing_exception", "unknown_error"))
            text = f"Unexpected processing error: {type(error).__name__}: {error}"
            message.failure = Failure("unknown_error", text, message.body)

    def _read(self, message: _Message) -> None:
        begun = perf_counter()
        found = read_object(message.source.value)
        if isinstance(found, Failure):
            message.failure, message.body = found, found.message
            return
        message.body = found
        if self._faults.hits(UNFORESEEN, found):
            raise InjectedFault("asked for")
        if self._customers is not None:
            ok, errors = self._customers.validate(found)
            message.parts["validation"] = perf_counter() - begun
            if not ok:
                text = f"Input message failed schema validation: {len(errors)} errors"
                message.failure = Failure("validation_error", text, found, errors)

    def _transform(self, message: _Message) -> None:
        begun = perf_counter()
        blank = BLANK_TOTAL_RAISES in self._faults.on and self._faults.hits(BLANK_TOTAL_RAISES, message.body)
        try:
            message.row = feature_row(message.body, keep_blank_text=blank)
            _required(message.body, "customerID", "event_ts")
        except FeatureError as error:
            text = f"Feature transformation failed: {error}"
            message.failure = Failure("processing_error", text, message.body)
        message.parts["transformation"] = perf_counter() - begun

    def _infer(self, messages: Sequence[_Message]) -> None:
        """Ask the model once for all; where it fails, for each half, until those on which it fails stand alone."""
        if not messages:
            return
        begun = perf_counter()
        try:
            for message in messages:
                if self._faults.hits(MODEL_RAISES, message.body):
                    raise InjectedFault("the model was told to fail")
            rows = matrix([message.row or [] for message in messages])
            probabilities = self._model.pipeline.predict_proba(rows)[:, 1].tolist()
        except Exception as error:
            if len(messages) == 1:
                (message,) = messages
                text = f"Model inference failed: {type(error).__name__}: {error}"
                message.failure = Failure("inference_error", text, message.body)
                return
            middle = len(messages) // 2
            self._infer(messages[:middle])
            self._infer(messages[middle:])
            return
        seconds = (perf_counter() - begun) / len(messages)
        for message, probability in zip(messages, probabilities, strict=True):
            message.probability = probability
            message.inference_seconds = message.parts["inference"] = seconds

    def _compose(self, message: _Message) -> None:
        assert message.probability is not None
        body = message.body
        prediction = {
            "customerID": body["customerID"],
            "churn_probability": round(message.probability, 6),
            "prediction": "Yes" if message.probability >= self._model.sidecar.threshold else "No",
            "event_ts": body["event_ts"],
            "processed_ts": utc_text(),
            "model_version": self._model.version,
            "inference_latency_ms": round(message.inference_seconds * 1000, 2),
        }
        if self._faults.hits(OUTPUT_BREAKS, body):
            prediction["prediction"] = "Perhaps"
        if self._predictions is not None:
            ok, errors = self._predictions.validate(prediction)
            if not ok:
                text = f"Output message failed schema validation: {'; '.join(errors)}"
                message.failure = Failure("processing_error", text, body, errors)
                return
        message.prediction = prediction


def _required(body: Mapping[str, Any], *names: str) -> None:
    for name in names:
        if not isinstance(body.get(name), str):
            raise FeatureError(f"missing {name}")


def _about(message: _Message, event: str, error_type: str) -> dict[str, Any]:
    source = message.source
    return {
        "event_type": event,
        "error_type": error_type,
        "message_id": message.body.get("customerID"),
        "topic": source.topic,
        "partition": source.partition,
        "offset": source.offset,
    }
