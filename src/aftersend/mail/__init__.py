"""The message itself: addresses, header fields, MIME, signatures, return paths, reports. Pure: no socket, no clock."""
