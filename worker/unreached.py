"""What keeps us from Temporal, and which variable mends it; its SDK tells that in the words of its TLS library."""

import re
from collections.abc import Iterator

from temporalio.envconfig import ClientConnectConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

ADDRESS, NAMESPACE, API_KEY, TLS = "TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE", "TEMPORAL_API_KEY", "TEMPORAL_TLS"
CA, SERVER_NAME = f"{TLS}_SERVER_CA_CERT_PATH", f"{TLS}_SERVER_NAME"
CERTIFICATE, KEY = f"{TLS}_CLIENT_CERT_PATH", f"{TLS}_CLIENT_KEY_PATH"

Words = tuple[str, str, str]
"""How an error of the SDK is recognised, what it means, and what mends it; its groups may stand in the other two."""

OF_THE_SERVER: tuple[Words, ...] = (
    (
        r"InvalidCertificate\(UnknownIssuer",
        "its certificate is of no authority that is trusted here",
        f"set {CA} to the certificate of its authority",
    ),
    (
        r"InvalidCertificate\(NotValidForName.*presented: \[(.*?)\]",
        "its certificate is for another name: {0}",
        f"set {SERVER_NAME} to one that it is for",
    ),
    (
        r"InvalidCertificate\((?:Expired|NotValidYet)",
        "its certificate has expired, or is not valid yet",
        "renew it there, or set the clock here",
    ),
    (
        "InvalidContentType",
        "it speaks no TLS",
        f"set {ADDRESS} to a port that does, or unset {API_KEY} and the {TLS}… variables",
    ),
    ("H2NotNegotiated", "it speaks TLS and no gRPC", f"set {ADDRESS} to the port of the frontend"),
    (r'message: "(Connection refused)"', "{0}", f"set {ADDRESS}"),
    (r'"dns error".*error: "(.*?)"', "{0}", f"set {ADDRESS}"),
)
OF_THE_CLIENT: tuple[Words, ...] = (
    ("Must have both client cert", "a client certificate and its key go together", f"set {CERTIFICATE} and {KEY}"),
    ("KeyMismatch", "the client's key is not that of its certificate", f"set {CERTIFICATE} and {KEY} to a pair"),
    ("NoCertificatesPresented", "the client's certificate is none in PEM", f"set {CERTIFICATE} to a file with one"),
    ("PrivateKeyParseError", "the client's key is none in PEM", f"set {KEY} to a file with one"),
)
ALERT = r"(?:received fatal alert: |AlertReceived\()(\w+)"
HANGS_UP = "transport error|connection closed|UnexpectedEof|ConnectionReset"
"""What is left of an alert that the end of the connection overtakes, as it may."""
REFUSAL = r'code: (?:Unauthenticated|PermissionDenied), message: "(.*?)"'


def why_unreached(error: BaseException | None, options: ClientConnectConfig) -> str:
    """What is wrong and what mends it, in one line; the SDK's own words where they are not known here."""
    told = re.sub(r'"\w+\(\\"(.*?)\\"\)"', r"\1", str(error))  # names in certificates are quoted twice
    for sign, says, remedy in (*OF_THE_SERVER, *OF_THE_CLIENT, *_of_who_asks(options)):
        if found := re.search(sign, told):
            return f"{says}; {remedy}".format(*found.groups())
    return f"{told}; set {ADDRESS}"


def variables_of(error: RPCError) -> str:
    """Those to look at after this answer of a Temporal that was reached."""
    if error.status in (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED):
        return f"{NAMESPACE}, {API_KEY}, {CERTIFICATE} and {KEY}"
    return f"{ADDRESS} and {NAMESPACE}"


def _of_who_asks(options: ClientConnectConfig) -> Iterator[Words]:
    """What it means to be sent away depends on what was shown."""
    tls = options.get("tls")
    if options.get("api_key"):
        yield REFUSAL, "it refuses the API key ({0})", f"set {API_KEY}"
    else:
        yield REFUSAL, "it wants to know who asks ({0})", f"set {API_KEY}, or {CERTIFICATE} and {KEY}"
    if isinstance(tls, TLSConfig) and tls.client_cert:
        mend = f"set {CERTIFICATE} and {KEY} to a pair that it trusts and that has not expired"
        yield ALERT, "it refuses the client certificate ({0})", mend
        yield HANGS_UP, "it hangs up, as who refuses the client certificate does", mend
    elif tls:
        yield ALERT, "it wants a client certificate ({0})", f"set {CERTIFICATE} and {KEY}"
        yield HANGS_UP, "it hangs up, as who wants a client certificate does", f"set {CERTIFICATE} and {KEY}"
    else:
        yield HANGS_UP, "it hangs up, as who speaks TLS alone does", f"set {TLS}=true, or {ADDRESS}"
