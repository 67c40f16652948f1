"""Whether a broker answers, asked from a thread of its own: also while the consumer waits for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from pipeline_checks.clients.kafka import admin

_EVERY_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 1.0


class BrokerWatch:
    """Asks for the metadata of a topic twice a second and tells whether there was an answer.

    Parameters
    ----------
    tell:
        Called from the thread, with the first answer before the constructor returns.
    """

    def __init__(self, bootstrap: str, topic: str, tell: Callable[[bool], None]) -> None:
        self._client = admin(bootstrap)
        self._topic = topic
        self._tell = tell
        self._ended = threading.Event()
        tell(self._answers())
        threading.Thread(target=self._watch, name="broker watch", daemon=True).start()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self._tell(self._answers())

    def _answers(self) -> bool:
        from confluent_kafka import KafkaException

        try:
            return bool(self._client.list_topics(self._topic, timeout=_ANSWER_SECONDS).brokers)
        except KafkaException:
            return False

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
