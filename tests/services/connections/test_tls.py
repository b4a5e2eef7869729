import ssl
from pathlib import Path

import pytest

from services.connections.errors import ConnectionFailed
from services.connections.kinds import RestConnection
from services.connections.tls import trusted
from tests.servers import CERTIFICATE


def test_certificate_and_name_are_verified_always() -> None:
    context = trusted(RestConnection(name="x", url="https://h"), Path())
    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


def test_what_is_trusted_is_the_usual_and_what_the_settings_add() -> None:
    usual = trusted(RestConnection(name="x", url="https://h"), Path())
    own = RestConnection(name="x", url="https://h", ca=CERTIFICATE.name)
    more = trusted(own, CERTIFICATE.parent)
    added = {str(one) for one in more.get_ca_certs()} - {str(one) for one in usual.get_ca_certs()}
    assert 1 == len(added)
    assert "localhost" in added.pop()
    assert len(usual.get_ca_certs()) > 50


def test_a_file_that_holds_no_certificate_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text("nothing")
    own = RestConnection(name="x", url="https://h", ca="own.pem")
    with pytest.raises(ConnectionFailed, match=r'rest "x" \(https://h\): ca: own.pem: '):
        trusted(own, tmp_path)
