"""Tell which domains belong together: the organisational domain, from the public suffix list.

Knows names alone and asks nobody: the list comes with the package. SECURITY: receivers that
align by DMARC take two domains of one organisation for one sender, and so does what we hold and
refuse to sign. Where two answers are possible ours is the wider one.
"""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    """Read the list once, and only where somebody asks: 30 ms."""
    return PublicSuffixList()


@lru_cache(maxsize=4096)
def organisation(domain: str) -> str:
    """Return the organisational domain of ``domain`` (an A-label, lower case).

    A public suffix, or a name without dots, is its own.
    """
    return _suffixes().privatesuffix(domain) or domain
