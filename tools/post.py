"""Send one short post to the list of the README, as Anna, the way a mail program would."""

import smtplib
import sys
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

LIST = "friends@lists.example"

post = EmailMessage()
post["From"] = "Anna <anna@example.org>"
post["To"] = LIST
post["Subject"] = sys.argv[1] if len(sys.argv) > 1 else "Hello, friends"
post["Date"] = formatdate(localtime=True)
post["Message-ID"] = make_msgid(domain="example.org")
post.set_content(sys.argv[2] if len(sys.argv) > 2 else "Who brings the coffee on Sunday?\n")  # noqa: PLR2004

with smtplib.SMTP("127.0.0.1", 8025) as door:
    door.send_message(post)
sys.stdout.write(f"Accepted: {post['Message-ID']}\n")
