"""Own the protocol of SMTP without its sockets: bytes in, events and bytes out, for a server and for a client.

Knows no clock, no network and no TLS: whoever holds the socket feeds what came, does what the events ask for, and
sends what `output` gives.
"""
