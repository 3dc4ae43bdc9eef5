"""Forty bounces as other systems write them, each with what RFC 3463 and its words make of it.

Invented people and hosts; the shapes are those of Exim, qmail, Exchange, Gmail, Yahoo, Mail.ru,
Yandex, GMX, Zimbra, SES, SendGrid and others, in the languages that they speak. ``DEAD`` is an
address that nobody will ever read again; every other label means that it must be kept.
"""

from dataclasses import dataclass

from mailer.reading.bounce_reasons import BounceKind

WHO = "nils@post.example"
DEAD, FULL, POLICY, CONTENT, LATER = (
    BounceKind.DEAD, BounceKind.FULL, BounceKind.POLICY, BounceKind.CONTENT, BounceKind.TEMPORARY,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class OtherBounce:
    """Hold one bounce: who wrote it, what it is, and its bytes."""

    name: str
    kind: BounceKind
    raw: bytes


def dsn(
    name: str, kind: BounceKind, status: str, said: str, words: str = "", action: str = "failed"
) -> OtherBounce:
    """Make a report as RFC 3464 has it."""
    text = f"""From: MAILER-DAEMON@mx.example
To: friends-bounces@lists.example
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

{words or "Your message could not be handed on."}

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {WHO}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b
Content-Type: text/rfc822-headers

Subject: Meeting
Message-ID: <1@lists.example>

--b--
"""
    return OtherBounce(name, kind, text.replace("\n", "\r\n").encode())


def plain(name: str, kind: BounceKind, subject: str, words: str, head: str = "") -> OtherBounce:
    """Make a bounce of words alone."""
    text = (
        f"From: Mail Delivery System <Mailer-Daemon@mx.example>\n"
        f"To: friends-bounces@lists.example\nSubject: {subject}\n{head}"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: 8bit\n\n{words}\n"
    )
    return OtherBounce(name, kind, text.replace("\n", "\r\n").encode())


EXIM = f"""This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {WHO}
    {{said}}
"""
QMAIL = f"""Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{WHO}>:
{{said}}

--- Below this line is a copy of the message.

Subject: Meeting
"""
EXIM_HEAD = f"X-Failed-Recipients: {WHO}\n"

BOUNCES = [
    plain("exim-unrouteable", DEAD, "Mail delivery failed", EXIM.format(said="Unrouteable address"),
          EXIM_HEAD),
    plain("exim-rcpt", DEAD, "Mail delivery failed: returning message to sender", EXIM.format(
        said=f"host mx.post.example [192.0.2.3]\n    SMTP error from remote mail server after RCPT"
        f" TO:<{WHO}>:\n    550 5.1.1 <{WHO}>: Recipient address rejected: User unknown"),
        EXIM_HEAD),
    plain("exim-sender-verify", POLICY, "Mail delivery failed", EXIM.format(
        said=f"SMTP error from remote mail server after RCPT TO:<{WHO}>:\n"
        "    550-Verification failed for <friends-bounces@lists.example>\n"
        "    550 Sender verify failed"), EXIM_HEAD),
    plain("exim-quota", FULL, "Mail delivery failed", EXIM.format(
        said="mailbox is full: quota exceeded while writing file /var/mail/nils"), EXIM_HEAD),
    plain("exim-data", CONTENT, "Mail delivery failed", EXIM.format(
        said="SMTP error from remote mail server after end of data:\n"
        "    550 5.7.1 This message was classified as SPAM and may not be delivered"), EXIM_HEAD),
    plain("exim-retry", LATER, "Mail delivery failed", EXIM.format(
        said="retry timeout exceeded"), EXIM_HEAD),
    plain("qmail-no-mailbox", DEAD, "failure notice",
          QMAIL.format(said="Sorry, no mailbox here by that name. (#5.1.1)")),
    plain("qmail-no-host", DEAD, "failure notice", QMAIL.format(
        said="Sorry, I couldn't find any host named post.example. (#5.1.2)")),
    plain("qmail-vpopmail-full", FULL, "failure notice",
          QMAIL.format(said="user is over quota (#5.2.2)")),
    plain("qmail-no-connection", LATER, "failure notice", QMAIL.format(
        said="Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\n"
        "I'm not going to try again; this message has been in the queue too long.")),
    dsn("exchange-not-found", DEAD, "5.1.10",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"),
    dsn("exchange-german", DEAD, "5.1.1", "550 5.1.1 RESOLVER.ADR.ExRecipNotFound; not found",
        "Die eingegebene E-Mail-Adresse konnte nicht gefunden werden. Überprüfen Sie die E-Mail-"
        "Adresse des Empfängers, und versuchen Sie, die Nachricht erneut zu senden."),
    dsn("exchange-restricted", POLICY, "5.7.1",
        "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required"),
    dsn("exchange-size", CONTENT, "5.3.4",
        "552 5.3.4 Message size exceeds fixed maximum message size"),
    dsn("exchange-online-blocked", POLICY, "5.7.606",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.9]"),
    dsn("exchange-hop", LATER, "5.4.6",
        "550 5.4.6 Hop count exceeded - possible mail loop"),
    dsn("gmail-unknown", DEAD, "5.1.1",
        "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
        " 550-5.1.1 double-checking the recipient's email address for typos"),
    dsn("gmail-disabled", DEAD, "5.2.1",
        "550 5.2.1 The email account that you tried to reach is disabled."),
    dsn("gmail-quota", FULL, "4.2.2",
        "452-4.2.2 The email account that you tried to reach is over quota", action="delayed"),
    dsn("gmail-rate", LATER, "4.2.1",
        "450-4.2.1 The user you are trying to contact is receiving mail too quickly.",
        action="delayed"),
    dsn("gmail-unauthenticated", POLICY, "5.7.26",
        "550-5.7.26 Unauthenticated email from bank.example is not accepted due to domain's DMARC"),
    dsn("gmail-bulk", POLICY, "4.7.28",
        "421-4.7.28 Our system has detected an unusual rate of unsolicited mail", action="delayed"),
    dsn("yahoo-disabled", DEAD, "5.0.0",
        "554 delivery error: dd This user doesn't have a yahoo.example account [0]"),
    dsn("yahoo-deferred", LATER, "4.0.0",
        "421 4.7.0 [TSS04] Messages from 192.0.2.9 temporarily deferred due to user complaints",
        action="delayed"),
    dsn("yahoo-policy", POLICY, "5.7.9",
        "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahoo.example"),
    dsn("mail-ru-unknown", DEAD, "5.0.0",
        "550 Message was not accepted -- invalid mailbox. Local mailbox nils@mail.example is"
        " unavailable: user not found"),
    plain("mail-ru-words", DEAD, "Письмо не доставлено",
          f"Ваше сообщение не может быть доставлено.\n\n<{WHO}>:\nпользователь не найден"),
    dsn("mail-ru-full", FULL, "5.2.2",
        "552 5.2.2 Message was not accepted -- mailbox is full: Почтовый ящик переполнен"),
    dsn("yandex-unknown", DEAD, "5.7.1",
        "550 5.7.1 No such user!"),
    plain("yandex-words", DEAD, "Недоставленное сообщение",
          "Это письмо отправлено почтовым сервером yandex.example.\n\nК сожалению, мы вынуждены"
          " сообщить Вам о том, что Ваше письмо не может быть отправлено одному или нескольким"
          f" адресатам.\n\n<{WHO}>: host mx.post.example said: 550 5.1.1 Нет такого пользователя"),
    dsn("yandex-spam", CONTENT, "5.7.1",
        "554 5.7.1 [1] Message rejected under suspicion of SPAM; https://ya.example/1"),
    plain("gmx-german", DEAD, "Mail delivery failed: returning message to sender",
          "Diese Nachricht wurde automatisch erstellt.\n\nEine von Ihnen gesendete Nachricht konnte"
          " nicht zugestellt werden. Fehler bei folgender Adresse:\n\n"
          f"{WHO}:\nDas Postfach existiert nicht."),
    plain("gmx-german-full", FULL, "Unzustellbare Nachricht",
          f"Ihre Nachricht an folgende Adresse konnte nicht zugestellt werden:\n\n{WHO}:\n"
          "Das Postfach des Empfängers ist voll."),
    dsn("gmx-policy", POLICY, "5.7.1",
        "554-gmx.example (mxgmx016) Nemesis ESMTP Service not available 554 No SMTP service 554 IP"
        " address is block listed."),
    dsn("zimbra-unknown", DEAD, "5.1.1",
        f"550 5.1.1 <{WHO}>: Recipient address rejected: post.example"),
    dsn("zimbra-greylist", LATER, "4.7.1",
        f"450 4.7.1 <{WHO}>: Recipient address rejected: Greylisted for 5 minutes",
        action="delayed"),
    dsn("ses-suppressed", DEAD, "5.1.1",
        "550 5.1.1 Amazon SES has suppressed sending to this address because it has a recent"
        " history of bouncing as an invalid address"),
    dsn("sendgrid-invalid", DEAD, "5.1.1",
        "550 unable to get mx info: failed to get IPs from PTR record: lookup post.example: no such"
        " host"),
    plain("x6-unknown", DEAD, "There was an error sending your mail",
          f"We had trouble delivering your message. Full details follow:\n\n"
          f"Subject: 'Meeting'\nDate: Mon, 30 Nov 2026 10:00:00\n\n1 error(s):\n\n"
          f"SMTP Server <mx.post.example> rejected recipient <{WHO}> (Error following RCPT"
          " command). It responded as follows: [550 5.1.1 User unknown]"),
    plain("orange-french", DEAD, "Message non remis",
          f"Votre message n'a pas pu être remis au destinataire suivant :\n\n<{WHO}>\n"
          "550 5.1.1 Adresse d au moins un destinataire invalide. L'utilisateur n'existe pas."),
    plain("french-full", FULL, "Message non remis",
          f"Le message n'a pas pu être remis à :\n\n<{WHO}>:\nLa boîte aux lettres du destinataire"
          " est pleine."),
    plain("japanese-unknown", DEAD, "メールを送信できませんでした",
          f"次のあて先へのメッセージはエラーのため送信できませんでした。\n\n<{WHO}>:\n"
          "宛先のメールアドレスが存在しません。"),
    plain("japanese-full", FULL, "配信エラー",
          f"<{WHO}>\n受信者のメールボックスの容量が一杯です。"),
    dsn("mimecast-relay", POLICY, "5.0.0",
        "550 Administrative prohibition - envelope blocked"),
    dsn("proofpoint-data", POLICY, "5.1.1",
        "550 5.1.1 User unknown (in reply to end of DATA command)"),
]  # fmt: skip
