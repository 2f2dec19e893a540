"""Runs aiosmtpd at the listeners of a configuration in JSON, the only argument, and delivers to Maildirs."""

import asyncio
import json
import os
import ssl
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    CONFIGURATION = json.load(file)
sys.path.insert(0, CONFIGURATION["packages"])

from aiosmtpd.smtp import SMTP, AuthResult  # noqa: E402


def authenticate(server, session, envelope, mechanism, login):
    """Judges PLAIN and LOGIN."""
    password = CONFIGURATION["users"].get(login.login.decode())
    # the library answers a refused login itself only when it hears that nobody else has
    return AuthResult(success=password is not None and password.encode() == login.password, handled=False)


class Delivery:
    """Takes mail for the mailboxes, and from whoever logged in; numbers the files of one process."""

    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.rpartition("@")[2] not in CONFIGURATION["domains"]:
            return "550 5.7.1 relaying denied"
        if address not in CONFIGURATION["mailboxes"]:
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 taken"

    async def handle_DATA(self, server, session, envelope):
        parameters = " ".join(envelope.mail_options)
        # the library keeps the brackets of the null reverse-path, and of no other
        sender = "" if envelope.mail_from == "<>" else envelope.mail_from
        # the session itself knows of TLS only by STARTTLS
        secured = server.transport.get_extra_info("ssl_object") is not None
        protocol = "ESMTP" + "S" * secured + "A" * bool(session.authenticated)
        for mailbox in envelope.rcpt_tos:
            Delivery.count += 1
            directory = os.path.join(CONFIGURATION["mail"], mailbox)
            for name in ("tmp", "new"):
                os.makedirs(os.path.join(directory, name), exist_ok=True)
            name = f"{Delivery.count:09}"
            with open(os.path.join(directory, "tmp", name), "wb") as file:
                trace = (
                    f"Return-Path: <{sender}>\n"
                    f"Delivered-To: {mailbox}\n"
                    f"X-Mail-Parameters: {parameters}\n"
                    f"Received: by aiosmtpd with {protocol}\n"
                )
                file.write(trace.encode())
                file.write(envelope.content.replace(b"\r\n", b"\n"))
            os.rename(os.path.join(directory, "tmp", name), os.path.join(directory, "new", name))
        return "250 2.0.0 delivered"


def context(certificate_required):
    """TLS with the server's certificate; a client's is asked for where it is required."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=CONFIGURATION["authority"])
    made.load_cert_chain(CONFIGURATION["certificate"], CONFIGURATION["key"])
    made.verify_mode = ssl.CERT_REQUIRED if certificate_required else ssl.CERT_NONE
    return made


async def main():
    loop = asyncio.get_running_loop()
    listeners = []
    for name, port in CONFIGURATION["ports"].items():

        def session(name=name):
            return SMTP(
                Delivery(),
                hostname="mx.example.net",
                data_size_limit=CONFIGURATION["size"],
                enable_SMTPUTF8=True,
                tls_context=context(False) if name == "starttls" else None,
                auth_require_tls=name == "starttls",
                auth_required=name in ("starttls", "implicit"),
                authenticator=authenticate,
                loop=loop,
            )

        implicit = context(name == "certificate") if name in ("implicit", "certificate") else None
        listeners.append(await loop.create_server(session, "127.0.0.1", port, ssl=implicit))
    await asyncio.gather(*(listener.serve_forever() for listener in listeners))


asyncio.run(main())
