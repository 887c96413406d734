"""Every setting of the service: one frozen value, checked as a whole at start.

Names in the environment start with `SOURCES_`, because a host's `REDIS_URL` is often
an evicting cache; only the two of Stripe keep the names that everybody knows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.addresses import is_address
from config.banking import (
    SHORTEST_SECRET,
    Reminders,
    Sweep,
    TimeOfDay,
    Zone,
    is_zone,
)
from config.keys import LIVE_KEYS
from config.milliseconds import InMilliseconds, to_ms
from config.problems import refusal
from config.rates import BURST_SECONDS, Burst, InFlight, PerSecond
from customer_sources.contract.names import PREFIX, PREFIX_RULE, is_prefix

Seconds = Annotated[float, Field(ge=0.001, allow_inf_nan=False)]
"""Down to a millisecond, in which the store counts."""
HOUR = 3600.0
DAY = 24 * HOUR

KEY_LIFE_SECONDS = 24 * HOUR
"""Stripe may forget an Idempotency-Key from then on (its documentation of keys)."""
T = TypeVar("T")
Unset = Annotated[
    T | None, BeforeValidator(lambda given: None if given == "" else given)
]
"""A setting that may stay empty."""


def _named(env_name: str) -> AliasChoices:
    """Let a setting be given by its own environment name as well as by field name."""
    return AliasChoices(env_name)


class Settings(BaseSettings, InMilliseconds):
    """The effective settings. Durations are seconds; fields ending in `_ms` derive."""

    model_config = SettingsConfigDict(
        env_prefix="SOURCES_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,  # it may be a key, or an address with a password
    )

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", repr=False)
    """The store: Redis 7.0 or Valkey 7.2 and newer, persistent, noeviction."""
    durability: Literal["store", "fsync"] = "store"
    """`fsync`: no request leaves before the store has on disk that it will. Producers
    ask for it themselves. Needs WAITAOF (Redis 7.2) and an append-only file."""
    prefix: str = Field(default=PREFIX, min_length=1, max_length=32)
    """Prefix of every key. Producers must use the same."""
    stripe_api_key: SecretStr = Field(
        default=SecretStr(""), validation_alias=_named("STRIPE_API_KEY")
    )
    """Secret or restricted key of the account whose sources are changed, `default`."""
    accounts_file: Unset[Path] = None
    """TOML file of more accounts, each with its key; read again when it changes."""
    stripe_api_base: str = Field(
        default="https://api.stripe.com", validation_alias=_named("STRIPE_API_BASE")
    )
    """Where the API is; the sandbox's address in development."""
    stripe_version: str = ""
    """`Stripe-Version` to pin; empty uses the account's."""
    http_transport: Literal["aiohttp", "httpx"] = "aiohttp"
    """`httpx` is slower at many requests in flight, and classifies alike."""
    connect_seconds: Seconds = 5.0
    """Time to get a connection to the API."""
    read_seconds: Seconds = 20.0
    """Silence of the API after which a request counts as unanswered."""
    request_seconds: Seconds = 30.0
    """Longest life of one request; also what a stopping worker waits at most."""
    concurrency: int = Field(default=64, ge=1, le=1024)
    """Jobs in flight in one worker process."""
    account_rate: Unset[PerSecond] = None
    """Requests a second of the account of STRIPE_API_KEY, from all workers together.
    Empty: 96 with a live key, 24 with a test one, which is 4 % below Stripe's own."""
    operation_rate: Unset[PerSecond] = None
    """Requests a second of one operation of that account. Empty: 24."""
    in_flight: Unset[InFlight] = None
    """Requests of that account in flight, from all workers together. Empty: 64 with a
    live key, 32 with a test one."""
    burst_seconds: Burst = BURST_SECONDS
    """How long a pause may be made up for by requests that leave at once; that of every
    account that states none."""
    lease_seconds: Seconds = 8.0
    """How long a silent worker keeps its jobs. With upkeep and a ring on top, a
    killed worker's jobs are claimed again in well under 15 s."""
    heartbeat_seconds: Seconds = 2.0
    """How often leases are renewed: three may be lost before a job is."""
    upkeep_seconds: Seconds = 0.5
    """How often each worker looks for what is due."""
    horizon_seconds: Seconds = 23 * HOUR
    """Age of an unanswered request past which its key is not trusted any more."""
    patience_seconds: Seconds = DAY
    """Deadline of a job that states none, counted from its first request."""
    quiet_seconds: Seconds = 60.0
    """Time in which an unanswered request can still arrive; no verdict before."""
    retention_seconds: Seconds = DAY
    """How long a finished job and its result can be read."""
    key_window_seconds: Seconds = 7 * DAY
    """How long a repeated idempotency key is recognised after its job ended."""
    review_retention_seconds: Seconds = 30 * DAY
    """How long a job that needs review is kept."""
    batch_retention_seconds: Seconds = 30 * DAY
    """How long a batch that is over, its rows and their outcomes are kept."""
    banking_zone: Zone = "America/New_York"
    """Time zone of the banks: that of the Federal Reserve's days and of these times."""
    banking_cutoff: TimeOfDay = "17:00"
    """A bank account added later counts as added on the next banking day: the Federal
    Reserve's last window for ACH of the same day has closed at 16:45."""
    deposit_days: int = Field(default=2, ge=1, le=10)
    """Banking days until deposits have arrived. Stripe says one to two."""
    deposits_by: TimeOfDay = "09:00"
    """Time of that day at which they count as there: the night's files are booked."""
    watch_days: int = Field(default=10, ge=2, le=60)
    """Banking days after which a bank account that nobody verified is given up."""
    watch_reminders: Reminders = (2, 5)
    """Banking days after deposits are due at which that is told again."""
    sweep: Sweep = "06:30"
    """When verifications that could not be decided are put forward: daily at a time of
    that zone, every so often (`PT6H`), or never (`off`). The same in all workers."""
    attempts_keep_days: int = Field(default=400, ge=1, le=3650)
    """How long the attempts at a bank account are remembered after the last one."""
    pair_secret: SecretStr = SecretStr("")
    """Makes the marks by which amounts that failed are known again. Empty: made of the
    account's key; set it where keys are rolled, the same in all workers."""
    events_length: int = Field(default=1_000_000, ge=1000)
    """Events kept on the stream, for whoever wants to read them again. More are kept
    only as long as a consumer group has not acknowledged them."""
    events_keep_seconds: Seconds = 7 * DAY
    """Age past which an event is trimmed, with the same exception."""
    events_hard_cap: int = Field(default=5_000_000, ge=1000)
    """Events past which the oldest is dropped, acknowledged or not, lest the store fill
    up; that a group loses events by it is logged as an error. A million take about a
    gigabyte."""
    upkeep_batch: int = Field(default=500, ge=1, le=5000)
    """Most jobs of a class that one pass of upkeep takes."""
    crowded_queue: int = Field(default=100, ge=1)
    """Messages in a queue above which no job is rung a second time."""
    log_format: Literal["json", "console"] = "json"
    """`console` is for people."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is logged."""

    @model_validator(mode="wrap")
    @classmethod
    def _tell_everything_wrong(
        cls, given: Any, handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        """Refuse wrong values, and those that break the promise together, at once.

        A rule has nothing to say where a value that it names is wrong by itself.
        """
        wrong: list[Any] = []
        try:
            settings = handler(given)
        except ValidationError as error:
            wrong = list(error.errors(include_url=False))
            places = {problem["loc"][0] for problem in wrong}
            settings = handler({k: v for k, v in given.items() if k not in places})
        variables = cls.variables()
        named = [variables.get(one["loc"][0], one["loc"][0]) for one in wrong]
        broken = [
            text
            for holds, text in settings.rules()
            if not holds and not any(name in text for name in named)
        ]
        if wrong or broken:
            raise refusal(cls.__name__, wrong, broken)
        return settings

    @classmethod
    def variables(cls) -> dict[str, str]:
        """Name the environment variable of each setting, by the name of its field."""
        return {
            name: str(field.validation_alias.choices[0])
            if isinstance(field.validation_alias, AliasChoices)
            else f"{cls.model_config['env_prefix']}{name}".upper()
            for name, field in cls.model_fields.items()
        }

    @property
    def live(self) -> bool:
        """Whether the key changes real customers."""
        return self.stripe_api_key.get_secret_value().startswith(LIVE_KEYS)

    def rules(self) -> tuple[tuple[bool, str], ...]:
        """Say of each rule between settings whether it holds, and its words."""
        return (
            (
                is_address(self.redis_url, {"redis", "rediss"}),
                "SOURCES_REDIS_URL must start with redis:// or rediss://",
            ),
            (is_prefix(self.prefix), f"SOURCES_PREFIX {PREFIX_RULE}"),
            (
                is_address(self.stripe_api_base, {"http", "https"}),
                "STRIPE_API_BASE must start with https:// (or http:// for a sandbox)",
            ),
            (
                not self.live or is_address(self.stripe_api_base, {"https"}),
                (
                    "STRIPE_API_KEY is a live key, so STRIPE_API_BASE must start with "
                    "https://: nobody may overhear it, and a sandbox must not get it"
                ),
            ),
            (
                self.lease_ms >= 3 * to_ms(self.heartbeat_seconds),
                (
                    "SOURCES_LEASE_SECONDS must be 3 heartbeats or more "
                    "(SOURCES_HEARTBEAT_SECONDS), or one lost packet loses a job"
                ),
            ),
            (
                self.upkeep_seconds <= self.lease_seconds,
                "SOURCES_UPKEEP_SECONDS must not exceed SOURCES_LEASE_SECONDS",
            ),
            (
                self.horizon_seconds + self.quiet_seconds <= KEY_LIFE_SECONDS,
                (
                    "SOURCES_HORIZON_SECONDS and SOURCES_QUIET_SECONDS together must "
                    "stay within the 24 h for which Stripe keeps a key"
                ),
            ),
            (
                self.quiet_seconds >= self.request_seconds,
                (
                    "SOURCES_QUIET_SECONDS must not be shorter than "
                    "SOURCES_REQUEST_SECONDS"
                ),
            ),
            (
                self.events_hard_cap >= self.events_length,
                ("SOURCES_EVENTS_HARD_CAP must not be less than SOURCES_EVENTS_LENGTH"),
            ),
            (
                self.key_window_seconds >= self.retention_seconds,
                (
                    "SOURCES_KEY_WINDOW_SECONDS must not be shorter than "
                    "SOURCES_RETENTION_SECONDS"
                ),
            ),
            (
                is_zone(
                    self.banking_zone
                ),  # the default one too: tzdata may be missing
                (
                    "SOURCES_BANKING_ZONE must be a zone that this machine knows; is "
                    "its time zone database installed?"
                ),
            ),
            (
                self.deposits_by <= self.banking_cutoff,
                "SOURCES_DEPOSITS_BY must not be later than SOURCES_BANKING_CUTOFF",
            ),
            (
                self.deposit_days + max(self.watch_reminders, default=0)
                < self.watch_days,
                (
                    "SOURCES_WATCH_DAYS must be more than SOURCES_DEPOSIT_DAYS and the "
                    "last of SOURCES_WATCH_REMINDERS together, or it is never told"
                ),
            ),
            (
                not 0 < len(self.pair_secret.get_secret_value()) < SHORTEST_SECRET,
                (
                    f"SOURCES_PAIR_SECRET must have {SHORTEST_SECRET} characters or "
                    "more, or none"
                ),
            ),
        )
