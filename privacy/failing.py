"""What goes wrong with the record's database, as one error with its remedy."""

from __future__ import annotations

import apsw

from errors import RecordError


class failing:  # noqa: N801 — reads as a statement
    """Turns whatever the database raises into a RecordError with its remedy."""

    def __enter__(self) -> None:
        """Nothing is needed."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Pass a RecordError on, and turn every other failure into one."""
        if isinstance(error, Exception) and not isinstance(error, RecordError):
            raise RecordError(f"the disclosure record failed: {type(error).__name__}", _remedy(error)) from error


def _remedy(error: Exception) -> str:
    if isinstance(error, apsw.FullError):
        return "make room on the disk of hub.record"
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError | PermissionError):
        return "let the hub write the file of hub.record and its folder"
    if isinstance(error, FileNotFoundError):
        return "the file of hub.record was removed or replaced while the hub ran; put it back and start the hub again"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return "another process keeps the file of hub.record locked; end it"
    if isinstance(error, apsw.SQLError):
        return "the record has no tables of this version; run `mizalla check`, or start the hub to bring them up to date"
    return "see that the database of hub.record runs, is reachable and has its tables"
