"""The TLS contexts for going out: one that takes any certificate where TLS is a bonus, one that does not where it is demanded."""

from __future__ import annotations

import ssl


class TlsContexts:
    """Makes each context once, when first needed."""

    def __init__(self, *, verify: bool) -> None:
        self._verify = verify
        self._opportunistic: ssl.SSLContext | None = None
        self._strict: ssl.SSLContext | None = None

    def opportunistic(self) -> ssl.SSLContext:
        """Encryption without proof of identity (RFC 7435): better than none, and what MX hosts can be asked for."""
        if self._opportunistic is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._opportunistic = context
        return self._opportunistic

    def strict(self) -> ssl.SSLContext:
        """TLS with a valid certificate for the host's name, unless the operator said otherwise."""
        if not self._verify:
            return self.opportunistic()
        if self._strict is None:
            self._strict = ssl.create_default_context()
            self._strict.minimum_version = ssl.TLSVersion.TLSv1_2
        return self._strict
