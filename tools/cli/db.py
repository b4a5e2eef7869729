"""`db backup` and `db restore`: a verified copy of the log, and putting one back."""

from pathlib import Path

import click

from scheduler.model.commands import NoteBackup
from tools.backup import back_up, preview
from tools.backup import restore as put_back
from tools.cli.asking import ANSWER_FIELDS, answer, ask
from tools.cli.call import Call, pass_call
from tools.cli.options import prints, writes
from tools.cli.output import Shape, show_record

COPY_FIELDS = ("file", "position", "hash", "size")


@writes("backup", *COPY_FIELDS, *ANSWER_FIELDS)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@pass_call
def backup(call: Call, /, *, file: Path) -> None:
    """Copy the log, verified, while it is used.

    The copy holds the content, too. Its head is recorded in the log.
    """
    copied = (preview if call.dry_run else back_up)(call.settings.db, file)
    told = ask(call, NoteBackup(position=copied.position, hash=copied.hash, file=file.name))
    facts = {**copied._asdict(), "file": str(file)}
    lines = [f"{file}: {copied.position:,} events, {copied.size:,} bytes, verified"]
    answer(call, told, [*lines, f"  head {copied.hash}"], facts=facts)


@prints("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--replace", is_flag=True, help="Keep the log that is there under another name.")
@pass_call
def restore(call: Call, /, *, file: Path, replace: bool) -> None:
    """Put a copy back, with all jobs paused.

    The copy is verified first. Nothing is decided until `job resume --all` says what becomes of the
    fire times since.
    """
    copied = put_back(call.settings, file, call.clock, replace=replace)
    lines = [
        f"{copied.file}: restored up to event {copied.position:,}; everything is paused.",
        "To go on: horolog job resume --all --missed skip|latest|all",
    ]
    record = {**copied._asdict(), "file": str(copied.file)}
    show_record(call, Shape(COPY_FIELDS, COPY_FIELDS), record, lines)
