"""Own the settings: one TOML file, `AFTERSEND_*` variables over it, into frozen values that are passed down.

A setting exists only if an operator knows the right value better than we do. `aftersend config docs` prints them all from
the docstrings here.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from aftersend.errors import SettingsError

Port = Annotated[int, Meta(ge=1, le=65535)]
PREFIX = "AFTERSEND_"


def _doc(text: str, **more: Any) -> Meta:
    return Meta(description=text, **more)


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where everything is kept."""

    url: Annotated[
        str, _doc("`sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST/NAME`; empty: SQLite in `data_dir`.")
    ] = ""


class SmtpSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Submission: how mail comes in by SMTP."""

    listen: Annotated[tuple[str, ...], _doc("Addresses for submission with STARTTLS (587; 2525 when not root).")] = (
        "127.0.0.1:2525",
    )
    listen_tls: Annotated[tuple[str, ...], _doc("Addresses for submission with TLS from the first byte (465).")] = ()
    hostname: Annotated[
        str, _doc("The name this server gives itself in greetings and in HELO; empty: this machine's name.")
    ] = ""
    trusted_networks: Annotated[
        tuple[str, ...], _doc("Networks that may submit without AUTH and without TLS, for the first account.")
    ] = ()
    tls_certificate: Annotated[
        str, _doc("PEM file with the certificate and its chain; empty: one made by ourselves.")
    ] = ""
    tls_key: Annotated[str, _doc("PEM file with the private key; empty: in the certificate's file.")] = ""
    max_size: Annotated[int, _doc("The largest message taken, in bytes.", ge=1024)] = 25 * 1024 * 1024
    max_recipients: Annotated[int, _doc("The most recipients of one message.", ge=1)] = 1000
    max_connections: Annotated[int, _doc("The most submission connections at once; one more is told 421.", ge=1)] = 2000
    max_connections_per_client: Annotated[
        int, _doc("The most submission connections at once from one address.", ge=1)
    ] = 500
    idle_s: Annotated[float, _doc("How long a silent client is waited for, in seconds (RFC 5321 §4.5.3.2: 300).")] = (
        300.0
    )
    bare_newlines: Annotated[
        str,
        _doc(
            "`refuse` messages with a lone CR or LF, or `repair` them for authenticated clients.",
            pattern="^(refuse|repair)$",
        ),
    ] = "refuse"
    unverified_domains: Annotated[
        str, _doc("Mail From a domain that is not verified: `accept` or `refuse`.", pattern="^(accept|refuse)$")
    ] = "accept"


class ReturnsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What comes back."""

    listen: Annotated[tuple[str, ...], _doc("Addresses for bounces and reports (25).")] = ()
    domain: Annotated[str, _doc("The domain of return paths; its MX must be this server. Empty: the hostname.")] = ""
    imap: Annotated[
        str,
        _doc("A mailbox to look into for bounces, `imaps://user:password@host:993/INBOX`; nothing is deleted there."),
    ] = ""
    feedback: Annotated[
        bool,
        _doc(
            "Ask receivers to report complaints (CFBL-Address, RFC 9477), in mail that a key of the return domain signs."
        ),
    ] = True


class SuppressionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When the platform stops writing to an address by itself, and for how long."""

    soft_bounces: Annotated[int, _doc("So many soft bounces in a row, with no delivery between; 0: never.", ge=0)] = 3
    soft_apart_hours: Annotated[
        float, _doc("Soft bounces of one address that come sooner than this after each other count as one.", ge=0)
    ] = 24.0
    soft_days: Annotated[float, _doc("For how long after soft bounces; then one message is tried.", gt=0)] = 30.0
    hard_days: Annotated[
        float, _doc("For how long an address that does not exist; then one message is tried.", gt=0)
    ] = 180.0


class WebSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """HTTP API and console."""

    listen: Annotated[tuple[str, ...], _doc("Addresses for the API and the console.")] = ("127.0.0.1:8025",)
    url: Annotated[str, _doc("How people reach it; used in help links. Empty: from `listen`.")] = ""
    max_body: Annotated[int, _doc("The largest request taken, in bytes.", ge=1024)] = 40 * 1024 * 1024
    requests_per_minute: Annotated[
        int, _doc("So many requests a key may make in a minute, of each process; 0: any number.", ge=0)
    ] = 120_000
    metrics_token: Annotated[str, _doc("What Prometheus must show at `/metrics`; empty: no metrics are offered.")] = ""


class WebhooksSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where events may be sent to."""

    allow_networks: Annotated[
        tuple[str, ...],
        _doc("Networks inside that webhooks may reach, such as `10.1.0.0/16`; else only the public internet."),
    ] = ()


class DeliverySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How mail goes out."""

    routes: Annotated[
        dict[str, str],
        _doc("Domain or `*` → `host:port`, or `smtps://user:password@host:465`, `smtp+tls://…` (TLS demanded)."),
    ] = {}
    port: Annotated[Port, _doc("The port of the recipients' servers.")] = 25
    hold: Annotated[bool, _doc("Take mail in, deliver nothing.")] = False
    connections: Annotated[int, _doc("The most connections at once, to all sites together.", ge=1)] = 1000
    connections_per_site: Annotated[
        int,
        _doc(
            "The most connections at once to one site, four times as many to a smart host; fewer while it complains.",
            ge=1,
        ),
    ] = 50
    lifetime_hours: Annotated[
        dict[str, float], _doc("For how long a stream's mail is tried, by stream; over what the stream itself says.")
    ] = {}
    time_scale: Annotated[float, _doc("Multiplies every wait between tries; for practice and tests.", gt=0)] = 1.0
    source_addresses: Annotated[
        tuple[str, ...],
        _doc(
            "Local addresses to send from, the first of each family unless rates say otherwise; empty: the system chooses."
        ),
    ] = ()
    verify_tls: Annotated[bool, _doc("Demand a valid certificate wherever TLS is demanded by a route.")] = True


class DnsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Names."""

    server: Annotated[str, _doc("`host:port` of the resolver; empty: the system's.")] = ""


class TrackingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Opens, clicks and opt-outs: where visits come in."""

    url: Annotated[
        str,
        _doc("How recipients reach it, on a host name of its own, `https://t.example.com`; empty: nothing is tracked."),
    ] = ""
    listen: Annotated[tuple[str, ...], _doc("Addresses for visits, behind a proxy that speaks TLS.")] = ()
    trusted_proxies: Annotated[
        tuple[str, ...], _doc("Networks of proxies whose X-Forwarded-For is believed, for visits, API and console.")
    ] = ()
    opt_out: Annotated[
        tuple[str, ...], _doc("Kinds of stream whose mail gets List-Unsubscribe with one click (RFC 8058).")
    ] = ("general", "broadcast")
    networks: Annotated[
        dict[str, str],
        _doc(
            "Networks that you know → whose they are: `203.0.113.0/24` → `corporate`, or another class of docs/hits.md."
        ),
    ] = {}


class QualitySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The quality score as a gate."""

    least: Annotated[
        int, _doc("Broadcasts with a score below this, or without one, are not started; 0: all are.", ge=0, le=100)
    ] = 0


class RetentionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many days each kind of data is kept. Counters stay."""

    bodies: Annotated[int, _doc("Content of messages, once everything about them has ended.", ge=0)] = 7
    evidence: Annotated[int, _doc("Raw dialogues and reports.", ge=0)] = 30
    events: Annotated[int, _doc("Events, deliveries and messages.", ge=1)] = 395
    hits: Annotated[int, _doc("Single tracking hits.", ge=0)] = 60
    refusals: Annotated[int, _doc("Submissions that got an error reply.", ge=0)] = 30
    returns: Annotated[int, _doc("Returned mail that nobody understands.", ge=0)] = 30


class EnginesSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Spam filters on this machine that are asked for their opinion; the service works without."""

    rspamd: Annotated[str, _doc("Rspamd's scanning worker, such as `http://127.0.0.1:11333`; empty: none.")] = ""
    rspamd_controller: Annotated[
        str, _doc("Rspamd's controller, to teach it: `http://127.0.0.1:11334`, with `:PASSWORD@` before the host.")
    ] = ""
    spamassassin: Annotated[str, _doc("SpamAssassin's spamd, such as `127.0.0.1:783`; empty: none.")] = ""


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged."""

    format: Annotated[
        str, _doc("`text`, `json` or `logfmt`; empty: text on a terminal, else json.", pattern="^(text|json|logfmt|)$")
    ] = ""
    events: Annotated[
        str, _doc("A file for every event, one JSON object a line (docs/events.md); it may be rotated. Empty: none.")
    ] = ""
    level: Annotated[
        str,
        _doc(
            "`debug` (a line for each attempt), `info`, `warning` or `error`.", pattern="^(debug|info|warning|error)$"
        ),
    ] = "info"
    addresses: Annotated[
        str, _doc("Recipients in the log: `full`, `domain` or `hash`.", pattern="^(full|domain|hash)$")
    ] = "full"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    data_dir: Annotated[str, _doc("Where the database, the secret and our own certificate live.")] = "aftersend-data"
    node: Annotated[str, _doc("This node's name, unique among the nodes; empty: the machine's name.")] = ""
    secret: Annotated[
        str, _doc("Seals keys and signs return paths; the same on all nodes. Empty: made once, in `data_dir`.")
    ] = ""
    store: StoreSettings = StoreSettings()
    smtp: SmtpSettings = SmtpSettings()
    returns: ReturnsSettings = ReturnsSettings()
    suppression: SuppressionSettings = SuppressionSettings()
    web: WebSettings = WebSettings()
    delivery: DeliverySettings = DeliverySettings()
    dns: DnsSettings = DnsSettings()
    tracking: TrackingSettings = TrackingSettings()
    webhooks: WebhooksSettings = WebhooksSettings()
    quality: QualitySettings = QualitySettings()
    retention: RetentionSettings = RetentionSettings()
    engines: EnginesSettings = EnginesSettings()
    log: LogSettings = LogSettings()

    @property
    def store_url(self) -> str:
        """The database to use."""
        return self.store.url or f"sqlite:///{Path(self.data_dir).absolute()}/aftersend.db"

    @property
    def node_name(self) -> str:
        """The name under which this process works."""
        return self.node or socket.gethostname()

    @property
    def hostname(self) -> str:
        """The name for greetings, HELO and Received."""
        return self.smtp.hostname or socket.getfqdn() or "localhost"

    @property
    def return_domain(self) -> str:
        """The domain of return paths."""
        return self.returns.domain or self.hostname


def load(path: str | None = None, environment: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the file, if any, put the environment over it, then `overrides` (dotted names with `__`).

    Raise SettingsError that names the setting and what it wants.
    """
    environment = os.environ if environment is None else environment
    path = path or environment.get(PREFIX + "CONFIG")
    tree: dict[str, Any] = {}
    if path:
        try:
            tree = tomllib.loads(Path(path).read_text())
        except OSError as error:
            raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"The settings file {path} is not TOML: {error}.") from None
    for name, section in _settings_by_name().items():
        variable = PREFIX + name.upper().replace(".", "_")
        if variable in environment:
            _put(tree, name, _from_text(environment[variable], section))
    for name, value in overrides.items():
        _put(tree, name.replace("__", "."), value)
    try:
        settings = msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"A setting cannot be used: {error}. `aftersend config docs` lists them all.") from None
    _check_networks(settings)
    return settings


_OF_NETWORKS = (
    ("smtp", "trusted_networks"), ("webhooks", "allow_networks"), ("tracking", "trusted_proxies"), ("tracking", "networks"),
)  # fmt: skip


def _check_networks(settings: Settings) -> None:
    for section, name in _OF_NETWORKS:
        for text in getattr(getattr(settings, section), name):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise SettingsError(
                    f"The setting {section}.{name} has {text[:60]!r}, which is no network; write 192.0.2.0/24 or 2001:db8::/32."
                ) from None


def _put(tree: dict[str, Any], name: str, value: Any) -> None:
    *parents, last = name.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[last] = value


def _from_text(text: str, kind: Any) -> Any:
    origin = get_origin(kind)
    if origin is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if origin is dict:
        pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
        return {key.strip(): value.strip() for key, _, value in pairs}
    if kind is bool:
        word = text.strip().lower()
        return {"yes": "true", "on": "true", "no": "false", "off": "false", "": "false"}.get(word, word)
    return text


def _settings_by_name() -> dict[str, Any]:
    """Every setting's dotted name and its plain type."""
    return {name: kind for name, kind, _ in _fields(Settings)}


def _fields(struct: type[Struct], prefix: str = "") -> list[tuple[str, Any, str]]:
    listed: list[tuple[str, Any, str]] = []
    for name, annotation in get_type_hints(struct, include_extras=True).items():
        plain, meta = annotation, None
        while hasattr(plain, "__metadata__"):
            meta = next((m for m in plain.__metadata__ if m.description), meta)
            plain = get_args(plain)[0]
        if isinstance(plain, type) and issubclass(plain, Struct):
            listed += _fields(plain, f"{prefix}{name}.")
        else:
            listed.append((prefix + name, plain, meta.description if meta and meta.description else ""))
    return listed


def docs() -> list[tuple[str, str, str, str]]:
    """List every setting: name, variable, default, meaning."""
    defaults = msgspec.to_builtins(Settings())
    listed = []
    for name, _, meaning in _fields(Settings):
        value: Any = defaults
        for part in name.split("."):
            value = value[part]
        listed.append((name, PREFIX + name.upper().replace(".", "_"), msgspec.json.encode(value).decode(), meaning))
    return listed


def address(text: str) -> tuple[str, int]:
    """Read `host:port` or `[v6]:port`. Raise SettingsError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise SettingsError(f"{text!r} is not an address of the form host:port.")
    return host.strip("[]") or "127.0.0.1", int(port)
