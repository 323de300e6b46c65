"""Own the few pages that need no account: how to begin, and what each kind of problem means."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from aftersend.errors import NotFound
from aftersend.web.calls import Answer, Call
from aftersend.web.problems import KINDS

HTML = "text/html; charset=utf-8"
_STYLE = (
    ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "pre{overflow-x:auto;padding:.8rem;border:1px solid;border-radius:.3rem}code{font-size:.95em}h1{line-height:1.2}"
    "dt{font-weight:600;margin-top:.6rem}"
)
_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def page(title: str, body: str, status: int = 200) -> Answer:
    """Answer with a page; `body` is HTML in which everything foreign is escaped."""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Aftersend</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main>{body}</main></body></html>"
    )
    headers = {"content-security-policy": _POLICY, "referrer-policy": "no-referrer"}
    return Answer(html.encode(), status, headers, HTML)


async def home(call: Call) -> Answer:
    """Show how to send a first mail."""
    url = escape(call.origin)
    smtp = escape(call.desk.rules.smtp or "not offered by this server")
    body = f"""<h1>Aftersend</h1>
<p>This server sends email and tells the truth about every message: what happened, why, who must act, what happens next.</p>
<p><a href="/console/">Open the console</a>, in which you can see all that and do something about it.</p>
<h2>Send a first mail</h2>
<p>You need a key. Whoever runs this server makes one with <code>aftersend key create NAME</code>.</p>
<pre>curl {url}/v1/messages \\
  -H "Authorization: Bearer $AFTERSEND_API_KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"from": "you@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi Ann"}}'</pre>
<p>The answer names one delivery for each recipient. Ask what became of it:</p>
<pre>curl -H "Authorization: Bearer $AFTERSEND_API_KEY" {url}/v1/deliveries/dlv_…</pre>
<h2>Over SMTP</h2>
<p>Server: <code>{smtp}</code>. After STARTTLS, log in as <code>smtp</code> with the key as the password.</p>
<pre>swaks --server {smtp} -tls --auth-user smtp --auth-password "$AFTERSEND_API_KEY" \\
  --from you@example.com --to ann@example.net</pre>
<h2>Read on</h2>
<ul><li><a href="/openapi.json">All that the API can do</a> (OpenAPI 3.1)</li>
<li><a href="/p">All kinds of problems, and how to mend them</a></li>
<li><a href="/readyz">Whether this server is in order</a></li></ul>"""
    return page("Start", body)


async def all_problems(call: Call) -> Answer:
    """List every kind of problem."""
    listed = "".join(
        f'<dt><a href="/p/{escape(code)}"><code>{escape(code)}</code></a></dt><dd>{escape(kind.title)}.</dd>'
        for code, kind in KINDS.items()
    )
    return page("Problems", f"<h1>Kinds of problems</h1><dl>{listed}</dl>")


async def problem(call: Call) -> Answer:
    """Explain one kind of problem."""
    code = call.path["code"]
    kind = KINDS.get(code)
    if kind is None:
        raise NotFound("There is no such kind of problem; /p lists all of them.")
    body = (
        f"<h1>{escape(kind.title)}</h1><p>{escape(kind.means)}</p><p><strong>What to do:</strong> {escape(kind.mend)}</p>"
        f'<p>Its code is <code>{escape(code)}</code>. <a href="/p">All kinds of problems</a></p>'
    )
    return page(kind.title, body)
