"""Why Temporal cannot be reached, in words that name the variable: real handshakes, with nobody behind them."""

import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.service import RPCError, RPCStatusCode

from tests.authority import Authority, Pair
from tests.worker.door import opened
from worker.temporal import TemporalUnfit, connect
from worker.unreached import variables_of, why_unreached

NAME = "temporal.example"
OVER = timedelta(days=-1)


@dataclass
class Both:
    """What the door demands, and what the one who knocks has set."""

    folder: Path
    ours: Authority
    theirs: Authority
    tls: ssl.SSLContext | None
    environment: dict[str, str]

    def serve(self, pair: Pair, *, protocol: str = "h2") -> None:
        """With this certificate."""
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(pair.certificate, pair.key)
        self.tls.set_alpn_protocols([protocol])

    def want_a_certificate(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> None:
        """Of our authority."""
        assert self.tls
        self.tls.verify_mode = ssl.CERT_REQUIRED
        self.tls.load_verify_locations(self.ours.certificate)
        self.tls.maximum_version = version

    def show(self, certificate: Path, key: Path) -> None:
        """The client's."""
        self.environment |= {
            "TEMPORAL_TLS_CLIENT_CERT_PATH": str(certificate),
            "TEMPORAL_TLS_CLIENT_KEY_PATH": str(key),
        }

    @property
    def rubbish(self) -> Path:
        """A file that holds no PEM."""
        (file := self.folder / "rubbish").write_text("hello")
        return file


@pytest.fixture
def both(tmp_path: Path) -> Both:
    """Fitting each other."""
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "stranger")
    environment = {"TEMPORAL_TLS_SERVER_CA_CERT_PATH": str(ours.certificate), "TEMPORAL_TLS_SERVER_NAME": NAME}
    fitting = Both(tmp_path, ours, theirs, None, environment)
    fitting.serve(ours.issue(NAME))
    return fitting


def untrusted(both: Both) -> None:
    """The certificate of the server."""
    both.serve(both.theirs.issue(NAME))


def untrusted_by_the_system(both: Both) -> None:
    """As where nobody thought of the authority."""
    del both.environment["TEMPORAL_TLS_SERVER_CA_CERT_PATH"]


def misnamed(both: Both) -> None:
    """The server is called otherwise."""
    both.environment["TEMPORAL_TLS_SERVER_NAME"] = "other.example"


def expired(both: Both) -> None:
    """The certificate of the server."""
    both.serve(both.ours.issue(NAME, life=OVER))


def without_grpc(both: Both) -> None:
    """A web server."""
    both.serve(both.ours.issue(NAME), protocol="http/1.1")


def without_tls(both: Both) -> None:
    """The server."""
    both.tls = None


def plain(both: Both) -> None:
    """The client, whose variables are there and empty."""
    both.environment = dict.fromkeys([*both.environment, "TEMPORAL_TLS", "TEMPORAL_API_KEY"], "")


def anonymous(both: Both) -> None:
    """The client shows no certificate."""
    both.want_a_certificate()


def anonymous_before(both: Both) -> None:
    """Version 1.2 refuses within the handshake."""
    both.want_a_certificate(ssl.TLSVersion.TLSv1_2)


def strange(both: Both) -> None:
    """The client shows another authority's certificate."""
    both.want_a_certificate()
    pair = both.theirs.issue("client")
    both.show(pair.certificate, pair.key)


def late(both: Both) -> None:
    """The client shows one that has expired."""
    both.want_a_certificate()
    pair = both.ours.issue("client", life=OVER)
    both.show(pair.certificate, pair.key)


def mixed_up(both: Both) -> None:
    """The client has the key of another certificate."""
    both.show(both.ours.issue("client").certificate, both.ours.issue("other").key)


def half(both: Both) -> None:
    """The client has no key."""
    both.environment["TEMPORAL_TLS_CLIENT_CERT_PATH"] = str(both.ours.issue("client").certificate)


def no_certificate(both: Both) -> None:
    """In the file of it."""
    both.show(both.rubbish, both.ours.issue("client").key)


def no_key(both: Both) -> None:
    """In the file of it."""
    both.show(both.ours.issue("client").certificate, both.rubbish)


PAIR = "set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"
ANOTHER_PAIR = f"{PAIR} to a pair that it trusts and that has not expired"
AUTHORITY = "set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the certificate of its authority"
CASES: dict[Callable[[Both], None], tuple[str, str]] = {
    untrusted: ("its certificate is of no authority that is trusted here", AUTHORITY),
    untrusted_by_the_system: ("its certificate is of no authority that is trusted here", AUTHORITY),
    misnamed: (
        f"its certificate is for another name: {NAME}",
        "set TEMPORAL_TLS_SERVER_NAME to one that it is for",
    ),
    expired: ("its certificate has expired, or is not valid yet", "renew it there, or set the clock here"),
    without_grpc: ("it speaks TLS and no gRPC", "set TEMPORAL_ADDRESS to the port of the frontend"),
    without_tls: (
        "it speaks no TLS",
        "set TEMPORAL_ADDRESS to a port that does, or unset TEMPORAL_API_KEY and the TEMPORAL_TLS… variables",
    ),
    plain: ("it hangs up, as who speaks TLS alone does", "set TEMPORAL_TLS=true, or TEMPORAL_ADDRESS"),
    anonymous: ("it wants a client certificate (CertificateRequired)", PAIR),
    anonymous_before: ("it wants a client certificate (HandshakeFailure)", PAIR),
    strange: ("it refuses the client certificate (UnknownCA)", ANOTHER_PAIR),
    late: ("it refuses the client certificate (CertificateExpired)", ANOTHER_PAIR),
    mixed_up: ("the client's key is not that of its certificate", f"{PAIR} to a pair"),
    half: ("a client certificate and its key go together", PAIR),
    no_certificate: (
        "the client's certificate is none in PEM",
        "set TEMPORAL_TLS_CLIENT_CERT_PATH to a file with one",
    ),
    no_key: ("the client's key is none in PEM", "set TEMPORAL_TLS_CLIENT_KEY_PATH to a file with one"),
}


@pytest.mark.parametrize("amiss", CASES, ids=lambda amiss: amiss.__name__)
async def test_what_is_wrong_and_the_variable_that_mends_it(
    both: Both, monkeypatch: pytest.MonkeyPatch, amiss: Callable[[Both], None]
) -> None:
    """For everything that keeps two from speaking TLS to each other."""
    amiss(both)
    for variable, value in both.environment.items():
        monkeypatch.setenv(variable, value)
    async with opened(both.tls) as door:
        with pytest.raises(TemporalUnfit) as refusal:
            await connect(address=door.address)
    says, remedy = CASES[amiss]
    assert str(refusal.value) in {
        f"Temporal does not answer at {door.address}: {text}; {remedy}" for text in (says, overtaken(says))
    }


def overtaken(says: str) -> str:
    """The same where the end of the connection overtakes the alert, as it may in TLS 1.3."""
    return re.sub(r"it (wants|refuses) (.*) \(.*\)", r"it hangs up, as who \1 \2 does", says)


async def test_words_that_are_not_known_are_passed_on() -> None:
    """Nothing is lost of them."""
    assert why_unreached(RuntimeError("it rains {so}"), {}) == "it rains {so}; set TEMPORAL_ADDRESS"


@pytest.mark.parametrize(
    ("status", "named"),
    [
        (RPCStatusCode.UNAUTHENTICATED, "TEMPORAL_API_KEY"),
        (RPCStatusCode.PERMISSION_DENIED, "TEMPORAL_API_KEY"),
        (RPCStatusCode.UNAVAILABLE, "TEMPORAL_ADDRESS"),
    ],
)
def test_an_answer_leads_to_the_variables_behind_it(status: RPCStatusCode, named: str) -> None:
    """Credentials where they were refused, else the address."""
    assert named in variables_of(RPCError("no", status, b""))
