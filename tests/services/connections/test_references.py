from pathlib import Path

import pytest

from scheduler.model.errors import BadInput
from scheduler.model.limits import SECRET_BYTES_MAX, SECRET_CHARS_MIN
from services.connections.references import Reference, is_reference, reference

PATH = 'connections."My SMTP".password'


def read(written: str, folder: Path = Path(), *, is_shared: bool = False, **env: str) -> str:
    return reference(written, PATH, is_shared=is_shared).read(folder, env)


def refused(written: str, folder: Path = Path(), **env: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(written, folder, is_shared=False, **env)
    return str(caught.value)


def secret_file(folder: Path, content: bytes = b"open sesame\n", mode: int = 0o600) -> Path:
    file = folder / "pw"
    file.touch(0o600)
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.parametrize(
    ("written", "scheme", "name"),
    [
        ("env:SMTP_PASSWORD", "env", "SMTP_PASSWORD"),
        ("file:secrets/smtp", "file", "secrets/smtp"),
        ("file:/run/secrets/a b", "file", "/run/secrets/a b"),
        ("credential:smtp.pw", "credential", "smtp.pw"),
    ],
)
def test_a_reference_says_where_a_secret_is(written: str, scheme: str, name: str) -> None:
    found = reference(written, PATH, is_shared=False)
    assert (scheme, name, PATH, written) == (found.scheme, found.name, found.path, str(found))
    assert is_reference(written)


@pytest.mark.parametrize(
    "written", ["hunter2!", "", "ENV:X", "environment:X", "secret", 12345, True, None, ["env:X"]]
)
def test_a_secret_that_is_written_out_is_refused_and_not_repeated(written: object) -> None:
    with pytest.raises(BadInput) as caught:
        reference(written, PATH, is_shared=False)
    hint = 'Say where it is: "env:NAME", "file:PATH" or "credential:NAME"'
    assert f"{PATH}: a secret is not written here. {hint}" == str(caught.value)
    assert not is_reference(written)


@pytest.mark.parametrize(
    "written",
    [
        *("env:", "env:my pass!", "env:1A", "file:", "file:a\nb", "credential:"),
        *("credential:../x", "credential:..", "credential:a/b"),
    ],
)
def test_a_name_that_is_none_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(BadInput) as caught:
        reference(written, PATH, is_shared=False)
    scheme, _, name = written.partition(":")
    assert f"{PATH}: {scheme}: is not followed by a name." in str(caught.value)
    assert not name or name not in str(caught.value).partition(" Say ")[0].removeprefix(PATH)


def test_a_variable_of_the_environment_is_read() -> None:
    assert "open sesame" == read("env:PW", PW="open sesame")
    assert f"{PATH}: the environment has no PW. export PW=…" == refused("env:PW")


def test_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    secret_file(tmp_path, b"open sesame\r\n")
    assert "open sesame" == read("file:pw", tmp_path)
    assert "open sesame" == read(f"file:{tmp_path}/pw")
    secret_file(tmp_path, b" two\nlines \n\n")
    assert " two\nlines \n" == read("file:pw", tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    secret_file(tmp_path, mode=0o644)
    assert (
        f"{PATH}: file:pw can be read by everyone (0644)."
        ' chmod 600, or set permissions = "any" if that is meant' == refused("file:pw", tmp_path)
    )
    assert "open sesame" == read("file:pw", tmp_path, is_shared=True)
    secret_file(tmp_path, mode=0o602)
    assert "can be written by everyone (0602)" in refused("file:pw", tmp_path)


def test_a_file_that_a_group_can_read_is_private_enough(tmp_path: Path) -> None:
    secret_file(tmp_path, mode=0o640)
    assert "open sesame" == read("file:pw", tmp_path)


def test_a_file_that_is_shown_through_a_link_is_judged_itself(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(secret_file(tmp_path, mode=0o644))
    assert "can be read by everyone" in refused("file:link", tmp_path)


def test_what_cannot_be_read_as_a_secret_is_refused(tmp_path: Path) -> None:
    assert "cannot be read: No such file or directory." in refused("file:pw", tmp_path)
    assert "cannot be read: Is a directory." in refused("file:.", tmp_path)
    assert "file:/dev/null is no file." in refused("file:/dev/null")
    secret_file(tmp_path, b"a" * (SECRET_BYTES_MAX + 1))
    assert "is larger than 65,536 bytes." in refused("file:pw", tmp_path)
    secret_file(tmp_path, b"open\xff")
    assert "file:pw: byte 4 is not UTF-8." in refused("file:pw", tmp_path)
    secret_file(tmp_path, b"open\0sesame")
    assert "file:pw holds a NUL character." in refused("file:pw", tmp_path)
    secret_file(tmp_path, b"\n")
    assert "file:pw is empty." in refused("file:pw", tmp_path)
    assert "env:PW is empty." in refused("env:PW", PW="")
    assert "is not valid Unicode" in refused("env:PW", PW="open\udcff")


def test_a_secret_that_could_not_be_told_from_other_text_is_refused_and_not_repeated() -> None:
    least = "7x9qlm"[:SECRET_CHARS_MIN]
    told = refused("env:PW", PW=least[:-1])
    assert "env:PW has fewer than 4 characters" in told
    assert least[:-1] not in told
    assert least == read("env:PW", PW=least)


def test_a_credential_of_systemd_is_read_from_its_folder(tmp_path: Path) -> None:
    secret_file(tmp_path, mode=0o444)
    assert "open sesame" == read("credential:pw", CREDENTIALS_DIRECTORY=str(tmp_path))
    told = refused("credential:pw")
    assert "there is no CREDENTIALS_DIRECTORY in the environment." in told
    assert "LoadCredential=pw:PATH" in told


def test_a_reference_says_nothing_of_its_secret(tmp_path: Path) -> None:
    secret_file(tmp_path)
    known = Reference("file", "pw", PATH)
    known.read(tmp_path, {})
    assert "sesame" not in repr(known)
