"""Hand a letter to an SMTP door as a mail program does; for rehearsals, never for mailings."""

import smtplib

from mailer.errors import Refused, Temporary

PATIENCE = 60.0  # seconds


def submit(door: tuple[str, int], sender: str, recipient: str, raw: bytes) -> None:
    """Send ``raw`` to ``recipient``; raise Refused with the door's words, or Temporary."""
    wide = not (sender + recipient).isascii()
    try:
        with smtplib.SMTP(*door, local_hostname="localhost", timeout=PATIENCE) as program:
            program.sendmail(sender, [recipient], raw, ["SMTPUTF8"] if wide else [])
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise Refused(f"{code} {text.decode('utf-8', 'replace')}") from None
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise Refused(f"{error.smtp_code} {words}") from None
    except (OSError, smtplib.SMTPException) as error:
        raise Temporary(f"The mail door does not answer: {error}.") from None
