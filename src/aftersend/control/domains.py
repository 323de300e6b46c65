"""Own sending domains: their signing keys, the DNS records to publish, and whether these are there.

A domain signs with an RSA-2048 key, which every receiver understands, and an Ed25519 key beside it (RFC 8463). A key
signs when its record has been seen in the DNS: a signature whose key nobody finds is worth nothing, and receivers would remember
for a while that there is no such key. After a rotation the old keys sign until the new ones can (`control.awaiting` looks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aftersend.clock import DAY, SECOND, Instant
from aftersend.control import dmarc, spf
from aftersend.control.names import Names
from aftersend.control.seal import belongs_to, seal
from aftersend.control.secret import Secret
from aftersend.errors import BadField, NotFound
from aftersend.mail import address, dkim
from aftersend.store import accounts, domain_keys
from aftersend.store.accounts import DkimRow
from aftersend.store.connection import Connection

ALGORITHMS = ((dkim.RSA, "r"), (dkim.ED25519, "e"))
"""Each algorithm and the letter by which its selectors end."""
STRING_MOST = 255
"""Octets of one string of a TXT record (RFC 1035 §3.3.14)."""
TTL_S = 3600
RETIRED_STAYS_US = 7 * DAY
"""For so long the record of a retired key stays in the DNS: mail signed with it is still on its way."""

FOUND, MISSING, DIFFERENT, UNKNOWN = "found", "missing", "different", "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """What this installation is called in the DNS."""

    hostname: str
    """The name of this server."""
    return_domain: str
    """The domain of return paths, to which bounces come back."""
    addresses: tuple[str, ...] = ()
    """The addresses that mail leaves from, as far as they are known."""


@dataclass(frozen=True, slots=True)
class Record:
    """One DNS record to publish."""

    purpose: str
    """`dkim`, `return_mx`, `return_spf` or `dmarc`."""
    host: str
    """The full name."""
    relative: str
    """The name as a DNS provider's form wants it: without the domain, `@` for the domain itself; the full name if it is
    not under the domain."""
    kind: str
    """`TXT` or `MX`."""
    value: str
    is_required: bool
    why: str
    """What it is for, in one plain sentence."""

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file, long texts cut into strings."""
        if self.kind != "TXT":
            return f"{self.host}. {TTL_S} IN {self.kind} {self.value}"
        strings = " ".join(f'"{part}"' for part in strings_of(self.value))
        return f"{self.host}. {TTL_S} IN TXT {strings}"

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        strings = {"strings": strings_of(self.value)} if self.kind == "TXT" else {}
        return {**asdict(self), **strings, "ttl": TTL_S, "zone_line": self.zone_line}


@dataclass(frozen=True, slots=True)
class Finding:
    """What the DNS says about one record, or about the domain as a whole."""

    purpose: str
    host: str
    kind: str
    state: str
    """`found`, `missing`, `different`, or `unknown` when the DNS did not answer."""
    is_required: bool
    said: str
    """What was found and what to do, in plain words."""
    expected: str = ""
    found: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"found": list(self.found)}


FreshKeys = Mapping[str, bytes]
"""Private keys by algorithm, as PEM."""

# ---- adding, rotating ----------------------------------------------------------------------------------------------


def checked_name(name: str) -> str:
    """Return a domain's name in lower case, as A-labels. Raise BadField that says what is wrong with it."""
    try:
        return address.a_label(name.strip().rstrip(".").removeprefix("@"))
    except BadField as error:
        raise BadField("#/name", error.detail, code="invalid-domain") from None


def fresh_keys() -> FreshKeys:
    """Make private keys for a domain. It takes some tenths of a second: do it before the transaction, off the event loop."""
    return {algorithm: dkim.generate(algorithm) for algorithm, _ in ALGORITHMS}


def add(
    connection: Connection,
    account_id: int,
    name: str,
    *,
    fresh: FreshKeys,
    secret: Secret,
    now: Instant,
    sign_now: bool = False,
) -> str:
    """Add a sending domain with its keys; return its name as it is kept. Raise BadField, or Conflict if it is there.

    The keys sign when a check has seen their records; with `sign_now` they do not wait for one.
    """
    name = checked_name(name)
    accounts.add_domain(connection, account_id, name, now=now)
    for key in _new_keys(account_id, name, fresh, secret, [], now=now, active_us=now if sign_now else None):
        accounts.add_dkim_key(connection, key)
    return name


def rotate(
    connection: Connection, account_id: int, name: str, *, fresh: FreshKeys, secret: Secret, now: Instant
) -> list[str]:
    """Put in new keys and return their selectors; they sign as soon as a check has seen their records. Raise NotFound.

    New keys whose records were never seen are replaced.
    """
    name = checked_name(name)
    one(connection, account_id, name)
    known = accounts.dkim_keys_of(connection, account_id, name)
    for key in known:
        if key.active_us is None and key.retired_us is None:
            accounts.retire_dkim_key(connection, account_id, name, key.selector, now=now)
    made = _new_keys(account_id, name, fresh, secret, [key.selector for key in known], now=now, active_us=None)
    for key in made:
        accounts.add_dkim_key(connection, key)
    return [key.selector for key in made]


def remove(connection: Connection, account_id: int, name: str) -> None:
    """Remove a sending domain and its keys. Raise NotFound."""
    accounts.remove_domain(connection, account_id, checked_name(name))


def one(connection: Connection, account_id: int, name: str) -> dict[str, Any]:
    """Return a sending domain with what the last check found. Raise NotFound."""
    wanted = checked_name(name)
    for domain in accounts.domains_of(connection, account_id):
        if domain["name"] == wanted:
            return domain
    raise NotFound(f"{wanted} is not a sending domain of this account. Add it with: aftersend domain add {wanted}")


def _new_keys(
    account_id: int,
    name: str,
    fresh: FreshKeys,
    secret: Secret,
    taken: Sequence[str],
    *,
    now: Instant,
    active_us: Instant | None,
) -> list[DkimRow]:
    made = []
    for algorithm, letter in ALGORITHMS:
        selector = _selector(letter, taken, now)
        private = fresh[algorithm]
        record = dkim.dns_record(dkim.load(name, selector, private, is_ours=True).private)
        sealed = seal(secret, private, belongs_to=belongs_to(account_id, name, selector))
        made.append(DkimRow(account_id, name, selector, algorithm, sealed, record, now, active_us, None))
    return made


def _selector(letter: str, taken: Sequence[str], now: Instant) -> str:
    """A selector that says when the key was made: `as20261125r`, with a number when that day had one before."""
    import datetime

    day = datetime.datetime.fromtimestamp(now // SECOND, datetime.UTC).strftime("%Y%m%d")
    plain = f"as{day}{letter}"
    return next(name for name in (plain, *(f"{plain}{n}" for n in range(2, 10_000))) if name not in taken)


# ---- the records ---------------------------------------------------------------------------------------------------


def records(connection: Connection, account_id: int, name: str, *, place: Place) -> list[Record]:
    """Return the records to publish for a sending domain. Raise NotFound."""
    domain = str(one(connection, account_id, name)["name"])
    keys = [key for key in accounts.dkim_keys_of(connection, account_id, domain) if key.retired_us is None]
    keys.sort(key=lambda key: key.algorithm != dkim.RSA)
    return records_of(domain, [(key.selector, key.algorithm, key.record) for key in keys], place)


def retired(connection: Connection, account_id: int, name: str, *, now: Instant) -> list[str]:
    """Return the hosts of retired keys whose records should stay a little longer."""
    domain = checked_name(name)
    return [
        dkim.dns_name(domain, key.selector)
        for key in accounts.dkim_keys_of(connection, account_id, domain)
        if key.retired_us is not None and key.active_us is not None and key.retired_us > now - RETIRED_STAYS_US
    ]


def records_of(domain: str, keys: Sequence[tuple[str, str, str]], place: Place) -> list[Record]:
    """Return the records for a domain with these keys: (selector, algorithm, TXT value)."""
    wanted = [
        _record(
            domain, "dkim", dkim.dns_name(domain, selector), "TXT", value, algorithm == dkim.RSA,
            "Receivers check our signature with it." if algorithm == dkim.RSA
            else "A second, shorter signature; receivers that do not know it use the first.",
        )
        for selector, algorithm, value in keys
    ]  # fmt: skip
    back = place.return_domain
    wanted += [
        _record(
            domain, "return_mx", back, "MX", f"10 {place.hostname}.", True,
            "Bounces find their way back to us by it; one for all sending domains.",
        ),
        _record(
            domain, "return_spf", back, "TXT", _spf_value(place), True,
            "It says that this server may send with our return path; one for all sending domains.",
        ),
        _record(
            domain, "dmarc", f"_dmarc.{domain}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{domain}", False,
            "Gmail, Yahoo and Outlook want a DMARC record of everyone who sends much. p=none only asks for reports.",
        ),
    ]  # fmt: skip
    return wanted


def _spf_value(place: Place) -> str:
    networks = [f"ip{6 if ':' in text else 4}:{text}" for text in place.addresses]
    return " ".join(["v=spf1", *(networks or [f"a:{place.hostname}"]), "-all"])


def _record(domain: str, purpose: str, host: str, kind: str, value: str, is_required: bool, why: str) -> Record:
    if host == domain:
        relative = "@"
    elif host.endswith(f".{domain}"):
        relative = host.removesuffix(f".{domain}")
    else:
        relative = host
    return Record(purpose, host, relative, kind, value, is_required, why)


def strings_of(text: str) -> list[str]:
    """Cut a TXT value into strings of at most 255 octets, as the DNS wants them."""
    return [text[i : i + STRING_MOST] for i in range(0, len(text), STRING_MOST)] or [""]


# ---- the check -----------------------------------------------------------------------------------------------------


async def check(names: Names, domain: str, wanted: Sequence[Record], place: Place) -> list[Finding]:
    """Ask the DNS for every wanted record and say what is there."""
    findings = []
    for record in wanted:
        if "." not in record.host:
            said = f"No other server can look up a name like {record.host!r}: set smtp.hostname and returns.domain."
            findings.append(_finding(record, MISSING, said))
        elif record.purpose == "dkim":
            findings.append(await _check_dkim(names, record))
        elif record.purpose == "return_mx":
            findings.append(await _check_mx(names, record, place))
        elif record.purpose == "return_spf":
            findings.append(await _check_spf(names, record, place))
        else:
            findings.append(await _check_dmarc(names, record, domain))
    return findings


def is_verified(findings: Sequence[Finding]) -> bool:
    """Say whether the domain is shown to be its owner's: the record of a required signing key is there."""
    return any(f.purpose == "dkim" and f.is_required and f.state == FOUND for f in findings)


def keep(connection: Connection, account_id: int, name: str, findings: Sequence[Finding], *, now: Instant) -> bool:
    """Keep what a check found; return whether the domain is verified.

    Keys whose records were found begin to sign. Where keys sign already, those that replace them take over together, when the
    records of all of them were found, and those before them retire. Where the DNS did not answer for the
    signing keys, nothing is taken back.
    """
    domain = one(connection, account_id, name)
    signing = [f for f in findings if f.purpose == "dkim"]
    verified = is_verified(findings)
    if not verified and domain["verified_us"] is not None and any(f.state == UNKNOWN for f in signing):
        verified = True
    name = str(domain["name"])
    accounts.checked_domain(
        connection, account_id, name, findings=[f.as_dict() for f in findings], verified=verified, now=now
    )
    seen = {f.host.partition("._domainkey.")[0] for f in signing if f.state == FOUND}
    keys = [key for key in accounts.dkim_keys_of(connection, account_id, name) if key.retired_us is None]
    signing_now = [key for key in keys if key.active_us is not None]
    fresh = [key for key in keys if key.active_us is None]
    kinds = {key.algorithm for key in signing_now}
    if seen.issuperset(key.selector for key in fresh if key.algorithm in kinds):
        begin = [key for key in fresh if key.selector in seen]
        domain_keys.activate(connection, account_id, name, [key.selector for key in begin], now=now)
        for key in signing_now:
            if key.algorithm in {each.algorithm for each in begin}:
                accounts.retire_dkim_key(connection, account_id, name, key.selector, now=now)
    return verified


def _finding(record: Record, state: str, said: str, found: Sequence[str] = ()) -> Finding:
    return Finding(
        record.purpose, record.host, record.kind, state, record.is_required, said, record.value, tuple(found)[:5]
    )


def _unknown(record: Record) -> Finding:
    return _finding(record, UNKNOWN, f"The DNS did not answer for {record.host}. Try again in a few minutes.")


def _missing(record: Record) -> Finding:
    said = f"There is no {record.kind} record at {record.host}. Publish it; it may take an hour to be seen."
    return _finding(record, MISSING, said)


def key_of(text: str) -> dict[str, str]:
    """Read the tags of a DKIM key record (RFC 6376 §3.6.1), spaces taken out of the key."""
    pairs = [part.partition("=") for part in text.split(";") if "=" in part]
    tags = {name.strip(): "".join(value.split()) for name, _, value in pairs}
    return {"v": "DKIM1", "k": "rsa", **tags}


async def _check_dkim(names: Names, record: Record) -> Finding:
    texts = await names.texts(record.host)
    if texts is None:
        return _unknown(record)
    texts = [text for text in texts if "p" in key_of(text)]
    if not texts:
        return _missing(record)
    wanted = key_of(record.value)
    matching = [text for text in texts if (key_of(text)["p"], key_of(text)["k"]) == (wanted["p"], wanted["k"])]
    if len(texts) > 1:
        said = f"{record.host} has {len(texts)} key records; receivers may take the wrong one. Keep one."
        return _finding(record, DIFFERENT, said, texts)
    if not matching:
        found = key_of(texts[0])["p"]
        said = "The key was cut short on the way: paste the whole value, in strings of at most 255 characters."
        if not found:
            said = "The record says that the key was revoked (p= is empty). Paste the value again."
        elif not wanted["p"].startswith(found):
            said = f"Another key is at {record.host}. Replace it by the value shown."
        return _finding(record, DIFFERENT, said, texts)
    return _finding(record, FOUND, "The key is published.", texts)


async def _check_mx(names: Names, record: Record, place: Place) -> Finding:
    servers = await names.servers(record.host)
    if servers.trouble == "no_answer":
        return _unknown(record)
    found = [host.name.lower().rstrip(".") for host in servers.hosts] if servers.asked == "MX" else []
    if place.hostname.lower() in found:
        others = [name for name in found if name != place.hostname.lower()]
        said = (
            "Bounces come back to this server." if not others else "Bounces come back here or to another server named."
        )
        return _finding(record, FOUND, said, found)
    if not found and record.host == place.hostname and servers.hosts:
        return _finding(record, FOUND, "No MX is needed: the return domain is this server itself.", [record.host])
    if not found:
        return _missing(record)
    return _finding(
        record, DIFFERENT, f"The MX of {record.host} is another server, so we see no bounces that come later.", found
    )


async def _check_spf(names: Names, record: Record, place: Place) -> Finding:
    texts = await names.texts(record.host)
    if texts is None:
        return _unknown(record)
    found = [text for text in texts if text.lower().startswith("v=spf1")]
    if not found:
        return _missing(record)
    addresses = place.addresses or (await names.addresses(place.hostname)).addresses
    if not addresses:
        said = f"There is an SPF record, but the address of {place.hostname} is not known, so it could not be tried."
        return _finding(record, UNKNOWN, said, found)
    for text in addresses:
        spoken = await spf.evaluate(names, record.host, text)
        if spoken.result == "temperror":
            return _unknown(record)
        if spoken.result != "pass":
            why = " ".join(spoken.troubles) or f"Add ip{6 if ':' in text else 4}:{text} before its last term."
            said = f"The SPF record of {record.host} answers “{spoken.result}” for {text}, from which we send. {why}"
            return _finding(record, DIFFERENT, said, found)
        if spoken.troubles:
            return _finding(record, FOUND, f"The record lets us send, but: {' '.join(spoken.troubles)}", found)
    return _finding(
        record, FOUND, f"The record lets us send; it takes {spoken.lookups} of {spf.LOOKUPS_MOST} look-ups.", found
    )


async def _check_dmarc(names: Names, record: Record, domain: str) -> Finding:
    policy = await dmarc.policy_of(names, domain)
    if policy.record is None:
        return _missing(record) if policy.is_known else _unknown(record)
    said = f"The policy “{policy.policy}” holds" + ("." if policy.at == domain else f", from _dmarc.{policy.at}.")
    if policy.troubles:
        return _finding(record, DIFFERENT, " ".join([said, *policy.troubles]), [policy.record])
    return _finding(record, FOUND, said, [policy.record])
