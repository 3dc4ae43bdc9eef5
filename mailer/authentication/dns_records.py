"""Read an answer of DNS, and name why none came.

SECURITY: whoever owns a name writes the answer; resolver.py holds to these bounds.
"""

MOST = 40  # records of one name: large senders prove their domain to many
MAX_TEXT = 4096  # bytes of one text


class NoAnswerError(Exception):
    """Say that DNS did not answer."""
