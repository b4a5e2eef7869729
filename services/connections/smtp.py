"""E-mail: one connection to the mail server for each mail, by aiosmtplib.

All or nobody: when the server refuses any recipient, the mail is sent to none of them, so that a
retry sends it to nobody twice. Once its text has been handed over and the answer is lost, nobody
can know whether it was taken; the error says so, and the Message-ID is the same in all attempts of
a step.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from socket import gethostname

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from scheduler.model.limits import BODY_SHOWN_CHARS, CLOSE_WAIT
from services.connections.errors import ConnectionFailed, RecipientsRefused, cause_of, timed_out
from services.connections.idempotency import current_key
from services.connections.kinds import SmtpConnection, title
from services.connections.mail import Addresses, Attachments, BadMail, Mail, mail
from services.connections.secrets import Secrets
from services.connections.tls import trusted

_IN_DOUBT = "the server may have taken it all the same"


class Smtp:
    """One mail server."""

    def __init__(
        self,
        connection: SmtpConnection,
        secrets: Secrets,
        base_dir: Path,
        now: Callable[[], datetime] | None,
    ) -> None:
        self._connection = connection
        self._secrets = secrets
        self._base_dir = base_dir
        self._now = now

    async def send(
        self,
        *,
        to: Addresses,
        cc: Addresses = (),
        bcc: Addresses = (),
        subject: str = "",
        body: str = "",
        html: str | None = None,
        attach: Attachments | None = None,
        sender: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Send a mail to all of these, or to none.

        `attach` is text or bytes by file name. Without `sender` it is the connection's. The
        Message-ID follows from the key of the step, unless `idempotency_key` is another.

        Raises: BadMail, when it cannot be sent by anyone; RecipientsRefused; ConnectionFailed.
        """
        origin = sender or self._connection.sender
        if origin is None:
            raise BadMail("sender: is missing, and the connection has none of its own")
        made = mail(
            sender=origin,
            to=to,
            cc=cc,
            bcc=bcc,
            subject=subject,
            body=body,
            html=html,
            attach=attach,
            key=idempotency_key or current_key(),
            sent_at=None if self._now is None else self._now(),
        )
        async with self._session() as (session, deadline):
            await self._name_recipients(session, made)
            await self._hand_over(session, made, deadline)

    async def ping(self) -> str:
        """Log in as a mail would; return what the server said. Raises: ConnectionFailed."""
        async with self._session() as (session, _):
            answer = await session.noop()
        return f"{title(self._connection)}: answers {_reply(answer.code, answer.message)}"

    async def aclose(self) -> None:
        """Do nothing: no connection outlives its mail."""

    async def _name_recipients(self, session: SMTP, made: Mail) -> None:
        """Say who the mail is from and for. Raises: RecipientsRefused, for any who is refused."""
        options: list[str] = []
        encoding = "ascii"
        if made.is_international:
            if session.is_ehlo_or_helo_needed:
                await session.ehlo()
            if not session.supports_extension("smtputf8"):
                raise self._failed("the server takes no addresses beyond ASCII (SMTPUTF8)")
            options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
        await session.mail(made.sender, options=options, encoding=encoding)
        refused: dict[str, str] = {}
        for recipient in made.recipients:
            try:
                await session.rcpt(recipient, encoding=encoding)
            except SMTPRecipientRefused as error:
                refused[recipient] = _reply(error.code, error.message)
            except SMTPServerDisconnected:
                if not refused:
                    raise
                break  # it refused one and hung up
        if refused:
            raise RecipientsRefused(title(self._connection), refused)

    async def _hand_over(self, session: SMTP, made: Mail, deadline: asyncio.Timeout) -> None:
        """Send the text. From here on a lost answer leaves in doubt whether it was taken."""
        until = deadline.when()
        deadline.reschedule(None)
        try:
            async with asyncio.timeout_at(until):
                await session.data(made.content)
        except SMTPResponseException:
            raise
        except TimeoutError as error:
            late = timed_out(self._connection.timeout)
            raise self._failed(f"{late} to the mail itself; {_IN_DOUBT}") from error
        except (SMTPException, OSError) as error:
            raise self._failed(f"{cause_of(error)}; {_IN_DOUBT}") from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[tuple[SMTP, asyncio.Timeout]]:
        """Yield a connection on which a mail can be sent, and when it must have been."""
        timeout = self._connection.timeout
        session = self._new_session()
        try:
            async with asyncio.timeout(timeout.total_seconds()) as deadline:
                await session.connect()
                yield session, deadline
            await _part(session)
        except SMTPAuthenticationError as error:
            told = f"not logged in: {_reply(error.code, error.message)}"
            raise self._failed(told) from error
        except SMTPResponseException as error:
            raise self._failed(f"refused: {_reply(error.code, error.message)}") from error
        except TimeoutError as error:
            raise self._failed(timed_out(timeout)) from error
        except (SMTPException, OSError) as error:
            raise self._failed(cause_of(error)) from error
        finally:
            session.close()

    def _new_session(self) -> SMTP:
        """Return a session that is not connected, with the password as it is now."""
        connection = self._connection
        password = None
        if connection.password is not None:
            password = self._secrets.read(connection.password)
            both = f"\0{connection.username}\0{password}".encode()
            self._secrets.remember(connection.password.name, b64encode(both).decode())
        return SMTP(
            hostname=connection.host,
            port=connection.port,
            username=connection.username,
            password=password,
            local_hostname=gethostname(),  # not what the resolver says: it may take its time
            timeout=None,  # `_session` has one; of two at once the inner may lose its socket
            use_tls=connection.security == "tls",
            start_tls=connection.security == "starttls",
            tls_context=None
            if connection.security == "plain"
            else trusted(connection, self._base_dir),
        )

    def _failed(self, cause: str) -> ConnectionFailed:
        return ConnectionFailed(title(self._connection), cause)


async def _part(session: SMTP) -> None:
    """Say goodbye; the mail is sent, so nothing that goes wrong now matters."""
    with suppress(SMTPException, OSError):
        await session.quit(timeout=CLOSE_WAIT.total_seconds())


def _reply(code: int, message: str) -> str:
    """Return a server's answer as one printable line."""
    line = " ".join(message.split())[:BODY_SHOWN_CHARS]
    return f"{code} {''.join(c if c.isprintable() else '?' for c in line)}".strip()
