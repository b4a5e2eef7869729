"""HOST:PORT is read strictly and written as it was read."""

import pytest

from scheduler.model.errors import BadInput
from tools.addresses import Address, read_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8321", Address("127.0.0.1", 8321)),
        ("localhost:0", Address("localhost", 0)),
        ("web-1.example:65535", Address("web-1.example", 65_535)),
        ("[::1]:80", Address("::1", 80)),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, address: Address) -> None:
    assert address == read_address(text, "--listen")
    assert text == str(address)


def test_none_is_no_port() -> None:
    assert None is read_address("none", "--listen")


@pytest.mark.parametrize(
    "text",
    [
        *("", "8321", ":8321", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"),
        *("127.0.0.1:-1", "::1:80", "[::1]", "[x]:80", "a b:80", "127.0.0.1:8321\n", "a:123456"),
        *("http://127.0.0.1:8321", "٣:80", "a:٣", "None", "NONE"),
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadInput, match=r"--listen: .* instead of HOST:PORT\. As in 127") as error:
        read_address(text, "--listen")
    assert 2 == error.value.exit_code
