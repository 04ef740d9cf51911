"""Sending a letter by e-mail: through the operator's own mail server, to an address that hub.toml names, in plain text.

The standard library's client speaks to the server, in a thread. An answer of the server is not kept: it may repeat an address.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING

from connectors.posting import Outcome

if TYPE_CHECKING:
    from stanzas import MailRules

TAKEN = 250


class Mailer:
    """Sends through the server that `[hub.mail]` names."""

    def __init__(self, rules: MailRules) -> None:
        """Nothing is connected yet."""
        self.rules = rules

    async def send(self, to: str, name: str, subject: str, text: str) -> Outcome:
        """Send once; never raises for what the server does. `name` is the letter's own id, the same at every attempt."""
        if self.rules.host is None or self.rules.sender is None:
            return Outcome("ADDRESS")
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self.rules.sender, to, subject
        letter["Date"], letter["Message-ID"] = formatdate(), f"<{name}@{self.rules.sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(text)
        try:
            return await asyncio.to_thread(self._send, letter)
        except TimeoutError:
            return Outcome("TIMEOUT")
        except smtplib.SMTPResponseException as refused:
            return Outcome("STATUS", refused.smtp_code)
        except smtplib.SMTPRecipientsRefused as refused:
            return Outcome("STATUS", next(iter(refused.recipients.values()))[0])
        except (smtplib.SMTPException, OSError, ValueError):
            return Outcome("UNREACHABLE")

    def _send(self, letter: EmailMessage) -> Outcome:
        rules, context = self.rules, ssl.create_default_context()
        assert rules.host is not None
        if rules.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(rules.host, rules.port, timeout=rules.timeout_seconds, context=context)
        else:
            server = smtplib.SMTP(rules.host, rules.port, timeout=rules.timeout_seconds)
        with server:
            if rules.security == "starttls":
                server.starttls(context=context)
            if rules.user is not None and rules.password is not None:
                server.login(rules.user, rules.password.get_secret_value())
            server.send_message(letter)
        return Outcome(None, TAKEN)
