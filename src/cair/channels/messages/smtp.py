"""Mail by SMTP: one connection for a batch, one answer a message.

A message whose sending has begun is never sent again: whether the other side took it before a connection broke cannot
be known. Answers of the server are cut to their codes, for their words may repeat the address.
"""

import smtplib
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage

from cair.channels.messages.messenger import Fate, Message, UnableToSendMessages

SECONDS = 30
"""How long an answer is waited for."""


@dataclass(frozen=True)
class Server:
    """Where mail is handed in. `user` and `password` are only told over an encrypted connection."""

    host: str
    port: int
    sender: str
    user: str = ""
    password: str = ""


class Mail:
    """Hands mail to a server."""

    via = "smtp"
    carries = frozenset({"email"})
    is_repeatable = False

    def __init__(self, server: Server) -> None:
        self._server = server

    def check(self) -> None:
        """See that the server answers, before any sending is said to have begun.

        :raises UnableToSendMessages: it does not.
        """
        self._connect().close()

    def send(self, messages: Iterable[Message]) -> Iterator[Fate]:
        """Send messages; each is `sent` when the server took it, `failed` with the code of its answer when it refused.

        :raises UnableToSendMessages: the server does not answer, or the connection broke.
        """
        session = self._connect()
        try:
            for message in messages:
                yield self._one(session, message)
        finally:
            session.close()

    def _connect(self) -> smtplib.SMTP:
        where = f"The mail server {self._server.host}:{self._server.port}"
        try:
            session = smtplib.SMTP(self._server.host, self._server.port, timeout=SECONDS)
            session.ehlo()
            encrypted = session.has_extn("starttls")
            if encrypted:
                session.starttls(context=ssl.create_default_context())
                session.ehlo()
            if self._server.user:
                if not encrypted:
                    session.close()
                    raise UnableToSendMessages(f"{where} does not encrypt, so it is told no password.")
                session.login(self._server.user, self._server.password)
        except (OSError, smtplib.SMTPException) as error:
            raise UnableToSendMessages(
                f"{where} cannot be used: {type(error).__name__}. Check its address and what it asks for."
            ) from None
        return session

    def _one(self, session: smtplib.SMTP, message: Message) -> Fate:
        mail = EmailMessage()
        mail["From"], mail["Subject"] = self._server.sender, message.subject
        mail["Message-ID"] = f"<{message.message_ref}@{self._server.sender.rpartition('@')[2]}>"
        mail.set_content(message.text)
        try:
            mail["To"] = message.to.reveal()
            session.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            return Fate(message.message_ref, "failed", f"SMTP {', '.join(map(str, codes))}")
        except smtplib.SMTPDataError as error:
            return Fate(message.message_ref, "failed", f"SMTP {error.smtp_code}")
        except (ValueError, IndexError):
            return Fate(message.message_ref, "failed", "no address that mail can be sent to")
        except (OSError, smtplib.SMTPException) as error:
            raise UnableToSendMessages(
                f"The connection to the mail server broke: {type(error).__name__}. What had begun is in doubt and is "
                "not sent again; give the same command again for the rest."
            ) from None
        return Fate(message.message_ref, "sent", None)
