"""A name server for tests: every name is a domain whose mail goes to one address of this machine."""

from __future__ import annotations

import socket
import threading

import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers on UDP: `x.test` has the MX `mx.x.test`, and every name has the address 127.0.0.1."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._run, name="name-server", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                question, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            if not question:
                return
            self._socket.sendto(self._answer(question), peer)

    @staticmethod
    def _answer(question: bytes) -> bytes:
        asked = dns.message.from_wire(question)
        answer = dns.message.make_response(asked)
        name, kind = asked.question[0].name, asked.question[0].rdtype
        text = {dns.rdatatype.MX: f"10 mx.{name}", dns.rdatatype.A: "127.0.0.1"}.get(kind)
        if text is not None:
            answer.answer.append(dns.rrset.from_text(name, 600, dns.rdataclass.IN, kind, text))
        return answer.to_wire()

    def stop(self) -> None:
        """Close the port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()
