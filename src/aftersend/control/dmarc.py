"""Find the DMARC policy that holds for a domain, by the tree walk of RFC 9989 §4.10: no list of public suffixes is needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from aftersend.control.names import Names

QUESTIONS_MOST = 8
POLICIES = ("none", "quarantine", "reject")


@dataclass(slots=True)
class Dmarc:
    """What receivers are told to do with mail from a domain that is not authenticated."""

    domain: str
    at: str | None = None
    """Where the record that holds was found: the domain itself or one above it."""
    record: str | None = None
    policy: str | None = None
    """`none`, `quarantine` or `reject`; None without a record."""
    organization: str | None = None
    """The organizational domain: what is under it is aligned in relaxed mode."""
    questions: int = 0
    is_known: bool = True
    """False when some question got no answer."""
    troubles: list[str] = field(default_factory=list)


def tags_of(record: str) -> dict[str, str] | None:
    """Read a record; None if it is not a DMARC record: `v=DMARC1` must come first, in this spelling."""
    parts = [part.strip() for part in record.split(";")]
    if parts[0].replace(" ", "") != "v=DMARC1":
        return None
    pairs = [part.partition("=") for part in parts if "=" in part]
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def policy_of(names: Names, domain: str) -> Dmarc:
    """Walk from the domain towards the root and say which policy holds."""
    dmarc = Dmarc(domain)
    found: list[tuple[str, str, dict[str, str]]] = []
    for place in _places(domain):
        dmarc.questions += 1
        texts = await names.texts(f"_dmarc.{place}")
        if texts is None:
            dmarc.is_known = False
            dmarc.troubles.append(f"The DNS did not answer for _dmarc.{place}.")
            continue
        records = [(text, tags) for text in texts if (tags := tags_of(text)) is not None]
        if len(records) > 1:
            dmarc.troubles.append(
                f"_dmarc.{place} has {len(records)} DMARC records; receivers ignore them all. Keep one."
            )
        if len(records) != 1:
            continue
        found.append((place, *records[0]))
        if records[0][1].get("psd") in ("y", "n"):
            break
    if not found:
        return dmarc
    dmarc.organization = _organization(domain, [(place, tags) for place, _, tags in found])
    own = next((entry for entry in found if entry[0] == domain), None)
    held = own or next((entry for entry in found if entry[0] == dmarc.organization), found[-1])
    dmarc.at, dmarc.record, tags = held
    stated = tags.get("p", "none") if own else tags.get("sp", tags.get("p", "none"))
    dmarc.policy = stated.lower()
    if dmarc.policy not in POLICIES:
        dmarc.troubles.append(
            f"The DMARC record at _dmarc.{dmarc.at} has p={stated[:40]}; it is one of {', '.join(POLICIES)}."
        )
        dmarc.policy = "none"
    return dmarc


def _places(domain: str) -> Iterator[str]:
    """The domain, then those above it; long names skip to their last seven labels (at most eight questions)."""
    labels = domain.split(".")
    yield domain
    labels = labels[-7:] if len(labels) > QUESTIONS_MOST - 1 else labels[1:]
    while labels:
        yield ".".join(labels)
        labels = labels[1:]


def _organization(domain: str, found: list[tuple[str, dict[str, str]]]) -> str:
    for place, tags in found:
        if tags.get("psd") == "n":
            return place
        if tags.get("psd") == "y" and place != domain:
            below = domain.split(".")
            return ".".join(below[-(place.count(".") + 2) :])
    return found[-1][0]
