"""Composes a message with Python's email package, as its documentation shows it.

Arguments: the description in JSON, and where to write the message.
"""

import base64
import email.headerregistry
import email.message
import email.policy
import email.utils
import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    sample = json.load(file)


def addresses(mailboxes):
    return [email.headerregistry.Address(m["name"], addr_spec=m["address"]) for m in mailboxes if m["address"]]


message = email.message.EmailMessage(policy=email.policy.SMTP)
message["From"] = addresses(sample["from"])
if sample["sender"]:
    message["Sender"] = addresses(sample["sender"])[0]
if sample["reply_to"]:
    message["Reply-To"] = addresses(sample["reply_to"])
if addresses(sample["to"]):
    message["To"] = addresses(sample["to"])
elif not addresses(sample["cc"]):
    message["To"] = "undisclosed-recipients:;"
if addresses(sample["cc"]):
    message["Cc"] = addresses(sample["cc"])
message["Subject"] = sample["subject"] or ""
message["Date"] = email.utils.localtime()
message["Message-ID"] = email.utils.make_msgid(domain="example.org")
for name, value in sample["headers"]:
    message[name] = value
if sample["text"] is not None:
    message.set_content(sample["text"].replace("\r\n", "\n"))
if sample["html"] is not None:
    add = message.set_content if sample["text"] is None else message.add_alternative
    add(sample["html"].replace("\r\n", "\n"), subtype="html")
for attachment in sample["attachments"]:
    octets = base64.b64decode(attachment["octets"])
    main, sub = attachment["type"].split("/")
    if main == "message":
        parsed = email.message_from_bytes(octets, policy=email.policy.SMTP)
        message.add_attachment(parsed)
        continue
    place = message
    kind = {"maintype": main, "subtype": sub, "filename": attachment["name"]}
    if attachment["cid"]:
        html = [part for part in message.walk() if part.get_content_type() == "text/html"][0]
        html.add_related(octets, cid=f"<{attachment['cid']}>", disposition="inline", **kind)
    else:
        message.add_attachment(octets, **kind)
with open(sys.argv[2], "wb") as file:
    file.write(bytes(message))
