"""The table of everything that can cost a message points: how much, who can mend it, how, and who says so.

Checks find; this table says what a finding means. Points follow what receivers do: what makes them refuse mail weighs most.
"""

from __future__ import annotations

from aftersend.policy.score.finding import (
    ADMIN,
    AUTHENTICATION,
    AUTHOR,
    BLOCKER,
    DNS,
    DUTIES,
    FILTERS,
    FORMAT,
    HIGH,
    INFO,
    LOW,
    MEDIUM,
    PERSONAL,
    STRUCTURE,
    Rule,
)

_GOOGLE = "Google's guidelines for senders"
_BULK = "RFC 8058; Google's and Yahoo's rules for bulk senders"

RULES: dict[str, Rule] = {
    # ---- authentication
    "domain-not-ours": Rule(
        AUTHENTICATION, BLOCKER, 30, ADMIN,
        "The From domain does not belong to this account, so nothing will be signed for it.",
        "Write From an address of a sending domain of yours, or add this one: aftersend domain add DOMAIN, publish its records, "
        "then: aftersend domain check DOMAIN.",
        "RFC 6376; RFC 9989",
    ),
    "from-freemail": Rule(
        AUTHENTICATION, BLOCKER, 30, AUTHOR,
        "From is a mailbox of a large provider, and only that provider may send such mail: receivers refuse yours.",
        "Write From an address of your own domain; put the mailbox into Reply-To.",
        "RFC 9989 (DMARC); Google's guidelines for senders",
    ),
    "no-dkim": Rule(
        AUTHENTICATION, HIGH, 12, DNS,
        "No DKIM key of the From domain is in the DNS, so the signature cannot be verified.",
        "Publish the key records: aftersend domain records DOMAIN prints them.",
        "RFC 6376; Google's and Yahoo's rules for bulk senders",
    ),
    "dkim-different": Rule(
        AUTHENTICATION, HIGH, 10, DNS,
        "The DNS has another DKIM key than the one we sign with, or one that is cut short: signatures fail.",
        "Replace the record by the one that “aftersend domain records DOMAIN” prints, whole.",
        "RFC 6376 §3.6.1",
    ),
    "dkim-worthless": Rule(
        AUTHENTICATION, HIGH, 10, ADMIN,
        "The DKIM key is shorter than 1,024 bits, or is revoked; receivers ignore the signature.",
        "Make a new key: aftersend domain rotate-key DOMAIN, then publish its record.",
        "RFC 8301 §3.2",
    ),
    "dkim-short": Rule(
        AUTHENTICATION, MEDIUM, 4, ADMIN,
        "The DKIM key is shorter than 2,048 bits.",
        "Make a new key: aftersend domain rotate-key DOMAIN, then publish its record.",
        "RFC 8301 §3.2",
    ),
    "spf-missing": Rule(
        AUTHENTICATION, HIGH, 8, DNS,
        "The return domain, to which bounces come back, has no SPF record, which names the servers that may send for it.",
        "Publish a TXT record that names the addresses that mail leaves from: v=spf1 ip4:ADDRESS -all.",
        "RFC 7208; Google's guidelines for senders",
    ),
    "spf-fails": Rule(
        AUTHENTICATION, HIGH, 8, DNS,
        "The SPF record of the return domain does not let our address send.",
        "Add the address to the record, before its last term.",
        "RFC 7208 §8",
    ),
    "spf-limits": Rule(
        AUTHENTICATION, HIGH, 6, DNS,
        "The SPF record takes more look-ups than receivers make; they ignore it.",
        "Replace some include: terms by the ip4: and ip6: networks behind them.",
        "RFC 7208 §4.6.4",
    ),
    "spf-open": Rule(
        AUTHENTICATION, HIGH, 8, DNS,
        "The SPF record lets everybody send (+all); filters take that for a spammer's.",
        "End the record with -all or ~all.",
        "RFC 7208 §8.2",
    ),
    "spf-neutral": Rule(
        AUTHENTICATION, LOW, 2, DNS,
        "The SPF record ends with ?all and so says nothing about mail from elsewhere.",
        "End the record with ~all, later -all.",
        "RFC 7208 §8.2",
    ),
    "no-dmarc": Rule(
        AUTHENTICATION, HIGH, 8, DNS,
        "The From domain has no DMARC policy; Google, Yahoo and Microsoft demand one of everybody who sends much.",
        "Publish a TXT record at _dmarc.DOMAIN: v=DMARC1; p=none; rua=mailto:dmarc@DOMAIN",
        "RFC 9989; Google's and Yahoo's rules for bulk senders",
    ),
    "dmarc-invalid": Rule(
        AUTHENTICATION, HIGH, 8, DNS,
        "The DMARC record of the From domain cannot be used.",
        "Keep one record that begins with v=DMARC1 and has p=none, p=quarantine or p=reject.",
        "RFC 9989 §4.7",
    ),
    "dmarc-unwatched": Rule(
        AUTHENTICATION, LOW, 2, DNS,
        "The DMARC policy is p=none and asks for no reports: it neither protects nor tells.",
        "Add rua=mailto:… to see who sends in your name, then move to p=quarantine.",
        "RFC 9989; RFC 9990",
    ),
    "dmarc-old-tags": Rule(
        AUTHENTICATION, INFO, 0, DNS,
        "The DMARC record has tags that no longer exist (pct, rf, ri).",
        "Take them out.",
        "RFC 9989 appendix",
    ),
    "no-reverse-name": Rule(
        AUTHENTICATION, HIGH, 6, ADMIN,
        "The address that mail leaves from has no name of its own, or the name leads elsewhere; many servers refuse such mail.",
        "Let the provider of the address set its PTR record to this server's name.",
        "RFC 1912 §2.1; Google's guidelines for senders",
    ),
    "helo-unknown": Rule(
        AUTHENTICATION, MEDIUM, 2, ADMIN,
        "The name by which this server greets others (HELO) has no address in the DNS.",
        "Publish an A record for it, or set smtp.hostname to a name that has one.",
        "RFC 5321 §4.1.4",
    ),
    "replies-lost": Rule(
        AUTHENTICATION, MEDIUM, 4, DNS,
        "The From domain takes no mail: replies are lost, and some receivers refuse mail from such domains.",
        "Publish an MX record for it, or write From a domain that has one.",
        "RFC 5321 §5.1; RFC 7505",
    ),
    # ---- duties of bulk mail
    "no-unsubscribe-header": Rule(
        DUTIES, BLOCKER, 10, AUTHOR,
        "The header List-Unsubscribe is missing; large receivers demand it of all bulk mail.",
        "Send it as a broadcast of this service with the setting tracking.url: then the header is written for you. Else write both: "
        "List-Unsubscribe: <https://YOUR-SITE/unsubscribe?WHO> and List-Unsubscribe-Post: List-Unsubscribe=One-Click. If each mail "
        "is for one person only, such as a receipt, it is transactional (--transactional) and needs none.",
        _BULK,
    ),
    "unsubscribe-not-one-click": Rule(
        DUTIES, BLOCKER, 10, AUTHOR,
        "Unsubscribing does not work with one click.",
        "Give List-Unsubscribe an https address that unsubscribes at a POST, and add the header List-Unsubscribe-Post: "
        "List-Unsubscribe=One-Click. Broadcasts of this service get both by themselves, with the setting tracking.url.",
        _BULK,
    ),
    "no-unsubscribe-link": Rule(
        DUTIES, HIGH, 8, AUTHOR,
        "A reader finds no link to unsubscribe in the text; who finds none reports spam instead.",
        "Put a plain link with the word “unsubscribe” into the foot of the message; in broadcasts of this service "
        "{{ unsubscribe_url }} is its address.",
        _GOOGLE,
    ),
    "no-identity": Rule(
        DUTIES, MEDIUM, 4, AUTHOR,
        "The message does not say who sends it from where; many countries demand a postal address in advertising.",
        "Put name and postal address into the foot, or a link to your imprint.",
        "CAN-SPAM Act §5(a)(5); ePrivacy Directive 2002/58/EC art. 13(4)",
    ),
    "no-list-id": Rule(
        DUTIES, LOW, 1, AUTHOR,
        "There is no List-Id, by which readers sort and receivers tell your lists apart.",
        "Add: List-Id: Name of the list <list.example.com>. Broadcasts of this service get it by themselves.",
        "RFC 2919",
    ),
    "no-feedback-id": Rule(
        DUTIES, LOW, 1, AUTHOR,
        "There is no Feedback-ID, so Gmail's Postmaster Tools cannot tell your mailings apart.",
        "Add: Feedback-ID: campaign:customer:kind:sender. Broadcasts of this service get it by themselves.",
        "Google: Feedback loop",
    ),
    # ---- filters
    "filters-suspect": Rule(
        FILTERS, MEDIUM, 5, AUTHOR,
        "A spam filter suspects this message.",
        "Look at the rules that matched, below, and mend the heaviest first.",
        "The filter's own rules",
    ),
    "filters-reject": Rule(
        FILTERS, HIGH, 12, AUTHOR,
        "A spam filter takes this message for spam.",
        "Look at the rules that matched, below, and mend the heaviest first.",
        "The filter's own rules",
    ),
    "gtube": Rule(
        FILTERS, BLOCKER, 20, AUTHOR,
        "The message contains the test string that every spam filter must stop (GTUBE).",
        "Take it out.",
        "https://spamassassin.apache.org/gtube/",
    ),
    # ---- structure
    "html-clipped": Rule(
        STRUCTURE, HIGH, 8, AUTHOR,
        "The HTML is so large that Gmail cuts it off at about 102,400 bytes; the link to unsubscribe and the pixel are lost.",
        "Shorten the message, or link to the rest; unused styles and comments of the editor are often half of it.",
        "Gmail clips messages over 102 KB",
    ),
    "html-large": Rule(
        STRUCTURE, LOW, 2, AUTHOR,
        "The HTML is over 80 KB; Gmail cuts it off at about 100.",
        "Shorten it; unused styles and comments of the editor are often half of it.",
        "Gmail clips messages over 102 KB",
    ),
    "no-text": Rule(
        STRUCTURE, MEDIUM, 4, AUTHOR,
        "There is no text beside the HTML.",
        "Add a text/plain part that says the same; readers, watches and filters use it. Templates of this service make it from "
        "the HTML; with the API, give text beside html.",
        "RFC 2046 §5.1.4",
    ),
    "text-differs": Rule(
        STRUCTURE, MEDIUM, 3, AUTHOR,
        "The text part says something else than the HTML; filters distrust that.",
        "Make the text part from the HTML.",
        "RFC 2046 §5.1.4",
    ),
    "image-only": Rule(
        STRUCTURE, HIGH, 6, AUTHOR,
        "The message is little more than an image; with images off it is empty, and filters distrust it.",
        "Write what it says as text.",
        "WCAG 2.2, 1.4.5",
    ),
    "many-images": Rule(
        STRUCTURE, LOW, 2, AUTHOR,
        "There are more than three images for a hundred words.",
        "Leave some out, or write more.",
        "Rules of SpamAssassin for images and text",
    ),
    "no-alt": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "An image has no alt text; with images off nothing stands in its place.",
        "Write in alt what it shows; alt=\"\" for mere decoration.",
        "WCAG 2.2, 1.1.1",
    ),
    "no-image-size": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "An image has no width: the page jumps when it loads, and Outlook shows it in its full size.",
        "Give it a width attribute.",
        "HTML Living Standard, img",
    ),
    "insecure-link": Rule(
        STRUCTURE, LOW, 2, AUTHOR,
        "A link or an image is loaded over http, without encryption.",
        "Write https.",
        _GOOGLE,
    ),
    "broken-link": Rule(
        STRUCTURE, MEDIUM, 2, AUTHOR,
        "A link leads nowhere.",
        "Mend the address, or take the link out.",
        _GOOGLE,
    ),
    "shortener": Rule(
        STRUCTURE, MEDIUM, 4, AUTHOR,
        "A link goes through a public URL shortener, as spam does; many blocklists name them.",
        "Link to the page itself.",
        "M3AAWG Sender Best Common Practices",
    ),
    "link-mismatch": Rule(
        STRUCTURE, HIGH, 5, AUTHOR,
        "A link shows another domain than the one it leads to, as phishing does.",
        "Show words, or the address that it leads to.",
        "M3AAWG Sender Best Common Practices",
    ),
    "ip-link": Rule(
        STRUCTURE, HIGH, 5, AUTHOR,
        "A link leads to a bare IP address, as phishing does.",
        "Link to a host by its name.",
        "M3AAWG Sender Best Common Practices",
    ),
    "many-domains": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "The links lead to more than eight different domains.",
        "Keep to your own and a few others.",
        "M3AAWG Sender Best Common Practices",
    ),
    "active-content": Rule(
        STRUCTURE, MEDIUM, 4, AUTHOR,
        "The page has forms, scripts, frames or the like, which mail programs take out or warn of.",
        "Take it out; link to a page that has it.",
        "Mail programs show no active content",
    ),
    "inline-images": Rule(
        STRUCTURE, LOW, 2, AUTHOR,
        "Images stand in the page as data: addresses, which Gmail and Outlook do not show.",
        "Attach them (cid:), or host them.",
        "RFC 2397; caniemail.com",
    ),
    "dangerous-file": Rule(
        STRUCTURE, BLOCKER, 20, AUTHOR,
        "A file is attached of a kind that Gmail and Outlook refuse.",
        "Take it off; offer it behind a link.",
        "Gmail: file types blocked",
    ),
    "large-files": Rule(
        STRUCTURE, LOW, 3, AUTHOR,
        "The attached files are over 2 MB; for a mailing, offer them behind a link.",
        "Link to the files.",
        "M3AAWG Sender Best Common Practices",
    ),
    "no-lang": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "The page does not say its language, so screen readers read it with the wrong voice.",
        "Write <html lang=\"en\">, or whatever it is.",
        "WCAG 2.2, 3.1.1",
    ),
    "no-title": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "The page has no title.",
        "Write <title> in its head.",
        "WCAG 2.2, 2.4.2",
    ),
    "bare-tables": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "Tables for layout do not say so, and screen readers read them out cell by cell.",
        "Write role=\"presentation\" on each.",
        "WAI-ARIA 1.2, presentation",
    ),
    "low-contrast": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "Some words have too little contrast to what is behind them.",
        "Choose a darker or lighter colour: 4.5 to 1 at least.",
        "WCAG 2.2, 1.4.3",
    ),
    "small-print": Rule(
        STRUCTURE, LOW, 1, AUTHOR,
        "Much of the text is smaller than 12 px, or some of it under 9.",
        "Use 14 px or more for what is to be read.",
        "Apple and Google: minimum sizes of text",
    ),
    # ---- format
    "unreadable": Rule(
        FORMAT, BLOCKER, 10, AUTHOR,
        "The message cannot be read as mail.",
        "Write it with a mail program or a library for mail.",
        "RFC 5322; RFC 2045",
    ),
    "no-from": Rule(
        FORMAT, BLOCKER, 10, AUTHOR,
        "The header From is missing, or has no address that can be read.",
        "Add one such as: From: Ann <ann@example.com>",
        "RFC 5322 §3.6.2",
    ),
    "long-line": Rule(
        FORMAT, BLOCKER, 10, AUTHOR,
        "A line is longer than 998 octets; servers cut or refuse it.",
        "Write the part in quoted-printable or base64; libraries for mail do that by themselves.",
        "RFC 5322 §2.1.1",
    ),
    "bare-newline": Rule(
        FORMAT, BLOCKER, 10, AUTHOR,
        "Some lines end in a lone CR or LF, others in CR LF; this service and many others refuse that.",
        "End every line with CR LF.",
        "RFC 5322 §2.3; RFC 5321 §2.3.8",
    ),
    "repeated-field": Rule(
        FORMAT, BLOCKER, 10, AUTHOR,
        "A header that may occur once is there twice; this service and Gmail refuse that.",
        "Leave one.",
        "RFC 5322 §3.6",
    ),
    "raw-header": Rule(
        FORMAT, MEDIUM, 3, AUTHOR,
        "A header has letters outside ASCII that are not encoded.",
        "Encode it (RFC 2047); libraries for mail do that by themselves.",
        "RFC 2047",
    ),
    "bad-encoding": Rule(
        FORMAT, MEDIUM, 3, AUTHOR,
        "Some text does not decode: readers see question marks in place of letters.",
        "Name the character set that the text is really in; UTF-8 is always right.",
        "RFC 2047; RFC 2045",
    ),
    "no-subject": Rule(
        FORMAT, MEDIUM, 3, AUTHOR, "There is no subject.", "Write one.", "RFC 5322 §3.6.5"
    ),
    "long-subject": Rule(
        FORMAT, LOW, 1, AUTHOR,
        "The subject is longer than 150 bytes; readers see the first 40 to 70 letters.",
        "Shorten it.",
        "Mail programs cut subjects",
    ),
    "capital-subject": Rule(
        FORMAT, LOW, 2, AUTHOR,
        "The subject is all capitals, which reads like shouting, and filters count it.",
        "Write it as a sentence.",
        "SpamAssassin: SUBJ_ALL_CAPS",
    ),
    "false-reply": Rule(
        FORMAT, MEDIUM, 3, AUTHOR,
        "The subject begins like an answer (Re:, Fwd:), but the message answers nothing; that misleads.",
        "Take the “Re:” out.",
        "CAN-SPAM Act §5(a)(2); Google's guidelines for senders",
    ),
    "wrong-date": Rule(
        FORMAT, MEDIUM, 3, AUTHOR,
        "The Date is more than a day off, or cannot be read.",
        "Leave Date out; this service writes it.",
        "RFC 5322 §3.6.1",
    ),
    "foreign-message-id": Rule(
        FORMAT, LOW, 1, AUTHOR,
        "The domain of the Message-ID is neither the From domain's nor this server's.",
        "Leave Message-ID out; this service writes it.",
        "RFC 5322 §3.6.4",
    ),
    # ---- personalisation
    "unresolved-tag": Rule(
        PERSONAL, BLOCKER, 10, AUTHOR,
        "A merge tag was not filled in; every recipient will see it.",
        "Tags are filled in broadcasts of this service and in mail with data for each recipient; in a ready-made message write "
        "the word itself. Give a fallback for those who have no value: {{ name | default(\"friend\") }}.",
        "docs/merge.md",
    ),
    "empty-greeting": Rule(
        PERSONAL, MEDIUM, 4, AUTHOR,
        "The greeting has a gap where a name should be.",
        "Give the tag a fallback, such as “Dear customer”.",
        "docs/merge.md",
    ),
    "empty-parameter": Rule(
        PERSONAL, MEDIUM, 3, AUTHOR,
        "A link has a parameter without a value, as if something had not been filled in.",
        "Fill it in, or take the parameter out.",
        "docs/merge.md",
    ),
    "test-words": Rule(
        PERSONAL, MEDIUM, 4, AUTHOR,
        "The message looks like a test.",
        "Take the words out before it goes to everybody.",
        "Everybody has sent one by mistake",
    ),
}  # fmt: skip
"""By id. A check that needs a rule of its own adds a row here."""
