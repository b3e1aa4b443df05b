"""Who may have commands run: whoever knows the token, where one is set. Pure."""

import base64
import binascii
import hmac


def knows(token: str, authorization: str) -> bool:
    """Whether the header Authorization presents the token: as a bearer, or as the password of whichever user.

    The password is for a Canary's webhook, which sends no header of its own: it stands in its URL,
    `http://canary:TOKEN@loadtester.test/`.
    """
    scheme, _, credentials = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            presented = credentials.strip()
        case "basic":
            presented = _password(credentials)
        case _:
            return False
    return hmac.compare_digest(presented.encode(), token.encode())


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
