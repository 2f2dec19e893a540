"""Reads messages with Python's email package and compares them with what they were composed from.

Standard input: one JSON object for each message. Standard output: what differs, and how many were read back.
"""

import base64
import email
import email.header
import email.policy
import email.utils
import json
import sys


def names(message, expected):
    """The display names of To.

    Before its release 3.13 the package puts a blank between two encoded-words of a phrase, and it makes one blank of
    several in a quoted-string, so what differs in blanks alone is read once more by the older functions of the package.
    """
    found = [address.display_name for address in message["to"].addresses]
    if found == expected or [squeezed(name) for name in found] != [squeezed(name) for name in expected]:
        return found
    raw = "".join(value for name, value in message.raw_items() if name == "To").replace("\r\n", "")
    pairs = email.utils.getaddresses([raw])
    return [str(email.header.make_header(email.header.decode_header(name))) for name, _ in pairs]


def squeezed(name):
    return "".join(name.split())


read_back = 0
for line in sys.stdin:
    expected = json.loads(line)
    octets = base64.b64decode(expected["message"])
    message = email.message_from_bytes(octets, policy=email.policy.default)
    found = {"subject": str(message["subject"]), "names": names(message, expected["names"])}
    texts = {"text/plain": None, "text/html": None}
    attachments = []
    for part in message.walk():
        if part.defects:
            found.setdefault("defects", []).append(repr(part.defects))
        if part.is_multipart():
            continue
        octets = part.get_payload(decode=True)
        if part.get_filename() is not None:
            attachments.append({"name": part.get_filename(), "octets": base64.b64encode(octets).decode()})
        else:
            texts[part.get_content_type()] = octets.decode(part.get_content_charset())
    # The last line end of a message is its own when the text has one.
    found["text"] = texts["text/plain"]
    found["html"] = texts["text/html"]
    found["attachments"] = attachments
    del expected["message"]
    if found == expected:
        read_back += 1
        continue
    for key in sorted(set(found) | set(expected)):
        if found.get(key) != expected.get(key):
            one, other = repr(expected.get(key)), repr(found.get(key))
            at = next((at for at, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), 0)
            print(f"{key} at {at}: expected {one[max(at - 60, 0) : at + 60]!a}\n{key}: found    {other[max(at - 60, 0) : at + 60]!a}")
print(f"{read_back} read back")
