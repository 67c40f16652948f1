"""Who is told of what, and when: the field ``alerts`` of a pipeline."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from pipeline_checks.model.duration import Duration
from pipeline_checks.model.secret import EnvironmentVariable, SecretSetting, Setting, SettingValue
from pipeline_checks.model.verdict import Verdict

WRONG = (Verdict.FAIL, Verdict.ERROR, Verdict.UNSETTLED)
"""The verdicts that are told where nothing else is written."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SECRET_HEADER = re.compile(r"auth|token|key|secret|cookie|password", re.IGNORECASE)
_TIME = re.compile(r"^([01]?\d|2[0-3]):([0-5]\d)$")


def _verdict(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _time_of_day(value: Any) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return time(*divmod(value, 60))  # YAML reads 22:30 as a number in base 60
    match = _TIME.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a time of day: write hours and minutes, such as '22:30'")
    return time(int(match.group(1)), int(match.group(2)))


def _instant(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def _zone(value: Any) -> str:
    if value == "UTC":  # known where a machine has no data of time zones, too
        return "UTC"
    try:
        return ZoneInfo(str(value)).key
    except (ValueError, OSError, KeyError):
        raise ValueError(f"there is no time zone {str(value)!r}: write one such as Europe/Berlin") from None


Told = Annotated[Verdict, BeforeValidator(_verdict)]
TimeOfDay = Annotated[time, BeforeValidator(_time_of_day)]
Instant = Annotated[datetime, AfterValidator(_instant)]
Zone = Annotated[str, BeforeValidator(_zone)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ConsoleChannel(_Strict):
    """Standard error of the command, or the log of the sensor."""

    kind: Literal["console"] = "console"
    name: str = Field(default="console", min_length=1)


class WebhookChannel(_Strict):
    """A service of yours, which is sent the JSON of each message.

    ``secret`` signs the body (HMAC-SHA256, header ``X-Pipeline-Checks-Signature``), so that the service can tell
    whose message it is.
    """

    kind: Literal["webhook"]
    name: str = Field(default="webhook", min_length=1)
    url: Annotated[SettingValue, Setting()]
    headers: dict[str, str | EnvironmentVariable] = {}
    secret: Annotated[EnvironmentVariable, SecretSetting()] | None = None

    @model_validator(mode="after")
    def _no_literal_secrets(self) -> WebhookChannel:
        for name, value in self.headers.items():
            if isinstance(value, str) and _SECRET_HEADER.search(name):
                raise ValueError(
                    f"headers.{name}: a literal secret is refused: put it into an environment variable, {{env: NAME}}"
                )
        return self


class SlackChannel(_Strict):
    """An incoming webhook of Slack. Its URL is a secret: whoever has it can write to the channel."""

    kind: Literal["slack"]
    name: str = Field(default="slack", min_length=1)
    url: Annotated[EnvironmentVariable, SecretSetting()]


Channel = Annotated[ConsoleChannel | WebhookChannel | SlackChannel, Field(discriminator="kind")]


class Mute(_Strict):
    """What is not told, and when. What is still wrong when it ends is told then.

    Parameters
    ----------
    stages, checks:
        Names, ``*`` and ``?`` standing for any characters.
    since, until:
        The first instant and the one behind the last; UTC where no zone is written.
    start, end:
        Times of day (``from`` and ``to`` in YAML) between which it holds, over midnight when ``to`` is earlier.
    days:
        Days of the week on which that begins; every day when left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    stages: tuple[str, ...] = ("*",)
    checks: tuple[str, ...] = ("*",)
    since: Instant | None = None
    until: Instant | None = None
    start: TimeOfDay | None = Field(default=None, alias="from")
    end: TimeOfDay | None = Field(default=None, alias="to")
    days: tuple[Day, ...] = DAYS  # type: ignore[assignment]
    timezone: Zone = "UTC"
    reason: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Mute:
        if (self.start is None) != (self.end is None):
            raise ValueError("a mute by time of day needs both from and to")
        if self.start is not None and self.start == self.end:
            raise ValueError("from and to are the same time of day")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("until must be later than since")
        return self


class AlertsDeclaration(_Strict):
    """What is told of a pipeline.

    Parameters
    ----------
    verdicts:
        The verdicts that are told (``on`` would be read by YAML as a truth value); FAIL, ERROR and UNSETTLED.
    channels:
        Where to. Left out: the console, ``$ALERT_WEBHOOK_URL`` and ``$ALERT_SLACK_WEBHOOK_URL`` where they are set.
    repeat:
        Seconds after which what is still wrong is told again; never when left out.
    findings:
        How many findings of a check are listed; they hold keys of your data, none with 0.
    link:
        Where more can be read; ``{run_id}`` and ``{pipeline}`` are filled in.
    mute:
        What is not told, and when.
    """

    verdicts: tuple[Told, ...] = WRONG
    channels: tuple[Channel, ...] = ()
    repeat: Annotated[Duration, Field(gt=0)] | None = None
    findings: int = Field(default=3, ge=0, le=20)
    link: str | None = Field(default=None, pattern=r"^https?://")
    mute: tuple[Mute, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> AlertsDeclaration:
        if Verdict.PASS in self.verdicts or not self.verdicts:
            raise ValueError("verdicts must name some of FAIL, ERROR, UNSETTLED and WARN; a PASS is told as recovery")
        names = [c.name for c in self.channels]
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise ValueError(f"channels of one name: {', '.join(doubled)}; give each a name of its own")
        return self
