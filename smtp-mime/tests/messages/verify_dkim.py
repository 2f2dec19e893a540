"""Verifies the DKIM signatures of messages with dkimpy, and that no changed message verifies.

Arguments: the public keys, RSA and Ed25519, in base64. Standard input: one JSON object for each message.
"""

import base64
import json
import re
import sys

import dkim

RECORDS = {
    "rsa": f"v=DKIM1; k=rsa; p={sys.argv[1]}".encode(),
    "ed25519": f"v=DKIM1; k=ed25519; p={sys.argv[2]}".encode(),
}


def record(name, timeout=5):
    """What the name server would say."""
    return RECORDS[name.decode().split(".")[0]]


def verifies(message, index):
    try:
        return dkim.DKIM(message).verify(idx=index, dnsfunc=record)
    except dkim.DKIMException:
        return False


def changed(message):
    """The message with one octet changed: in each signed field, and in three places of the body."""
    header, _, body = message.partition(b"\r\n\r\n")
    for name in (b"From", b"To", b"Subject", b"Date", b"Message-ID", b"MIME-Version", b"Content-Type"):
        field = re.search(rb"(?m)^" + name + rb": *([^\s])", header)
        at = field.start(1)
        yield name, header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :] + b"\r\n\r\n" + body
    solid = [at for at, octet in enumerate(body) if chr(octet).isalnum()]
    for at in {solid[0], solid[len(solid) // 2], solid[-1]} if solid else ():
        yield b"body", header + b"\r\n\r\n" + body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
    for name in (b"From", b"To", b"Subject", b"Date"):
        yield b"one more " + name, name + b": x@example.org\r\n" + message


verified = 0
for line in sys.stdin:
    sample = json.loads(line)
    message = base64.b64decode(sample["message"])
    good = all(verifies(message, index) for index in (0, 1))
    if not good:
        print(f"{sample['kind']}: does not verify")
    for place, other in changed(message):
        for index in (0, 1):
            if verifies(other, index):
                print(f"{sample['kind']}: verifies though {place} is changed")
                good = False
    verified += good
print(f"{verified} verified")
