"""Ask DNS for the texts (TXT) of a name: what keys, SPF and DMARC stand in.

    texts(name, seconds)    # (b"v=spf1 mx -all",); () where there is none

SECURITY: whoever owns the name writes the answer. At most ``MOST`` texts of a name are read, and
none above ``MAX_TEXT`` bytes; a question ends with its time, retries and TCP in it.
"""

MOST = 40  # texts of one name: large senders prove their domain to many
MAX_TEXT = 4096  # bytes of one


class NoAnswerError(Exception):
    """DNS did not answer."""


def texts(name: str, seconds: float) -> tuple[bytes, ...]:
    """Return the texts of ``name``; raise NoAnswerError where DNS does not answer in time."""
    import dns.exception  # noqa: PLC0415 - a tenth of a second, which most commands never need
    import dns.resolver  # noqa: PLC0415

    try:
        found = dns.resolver.resolve(name.rstrip(".") + ".", "TXT", lifetime=seconds)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except (dns.exception.DNSException, OSError) as error:
        raise NoAnswerError(type(error).__name__) from error
    joined = (b"".join(one.strings) for one, _ in zip(found, range(MOST), strict=False))
    return tuple(text for text in joined if len(text) <= MAX_TEXT)
