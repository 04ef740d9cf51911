"""Every error of the hub, in one tree with stable codes.

HubError            code, message (one sentence), hint (what to do now)
├─ Refused          the asker may correct it: NotPermitted Unauthenticated PurposeNotAllowed Unknown Conflict Invalid LimitReached
│  │              TimeLimit PersistedQueryNotFound AttestationInvalid AttestationExpired AttestationRevoked SecondFactorNeeded
│  ├─ Conflict    something stands against it: LikelyDuplicate
│  └─ Invalid     one input is the reason: NotCovered ProgrammeClosed CeilingReached NotEligible Stale
├─ SourceError      one source failed, the others' data stand: SourceDown SourceSlow SourceGarbled
├─ RecordError      the disclosure could not be recorded, so nothing is shown
└─ ConfigError      the hub does not open: what is wrong, where, and the remedy

Messages carry no personal value, ever: not a name, an identifier, a key or a source's own text.
"""

from __future__ import annotations

from typing import ClassVar


class HubError(Exception):
    """Root of the tree: an error with a stable code, one sentence and a hint."""

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the sentence and what to do now."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class Refused(HubError):
    """The asker may correct this: it is an expected answer, not a failure. `field` names the input concerned, if one is."""

    code = "REFUSED"

    def __init__(self, message: str, hint: str = "", field: str | None = None) -> None:
        """Keep the input's name beside the sentence."""
        super().__init__(message, hint)
        self.field = field


class Unauthenticated(Refused):
    """The credential is missing where one is needed, unknown, expired or revoked."""

    code = "UNAUTHENTICATED"


class NotPermitted(Refused):
    """No rule allows this command to this requester."""

    code = "NOT_PERMITTED"


class PurposeNotAllowed(Refused):
    """The purpose is unknown or not among those of the credential."""

    code = "PURPOSE_NOT_ALLOWED"


class Unknown(Refused):
    """What was named does not exist, or may not be known by this requester."""

    code = "UNKNOWN"


class Conflict(Refused):
    """Something else happened first; read again and repeat if still wanted."""

    code = "CONFLICT"


class LikelyDuplicate(Conflict):
    """Somebody is likely a case already; it is registered only where that was looked at and said to be another."""

    code = "LIKELY_DUPLICATE"


class Invalid(Refused):
    """An input is not readable; `field` names which."""

    code = "INVALID"


class ReadsOnly(Invalid):
    """A change was asked for in a way that only reads."""

    code = "READS_ONLY"


class NotCovered(Invalid):
    """The fund or stock does not hold as much."""

    code = "NOT_COVERED"


class ProgrammeClosed(Invalid):
    """The programme takes no allocations, or none for that day."""

    code = "PROGRAMME_CLOSED"


class CeilingReached(Invalid):
    """The person or household would receive more than the programme gives."""

    code = "CEILING_REACHED"


class TooFew(Invalid):
    """There are too few cases to learn anything that holds for others."""

    code = "TOO_FEW"


class NotEligible(Invalid):
    """The programme's rules do not admit the person."""

    code = "NOT_ELIGIBLE"


class Stale(Invalid):
    """Something changed since it was read; `field` names the version that was given."""

    code = "STALE"


class LimitReached(Refused):
    """The document or answer is larger than the hub allows, or too much was asked in a minute.

    `retry_after` says in how many seconds it may be asked again; None where only asking for less helps.
    """

    code = "LIMIT_REACHED"

    def __init__(self, message: str, hint: str = "", retry_after: int | None = None) -> None:
        """Keep the seconds beside the sentence."""
        super().__init__(message, hint)
        self.retry_after = retry_after


class TimeLimit(Refused):
    """Answering took longer than one operation may; what its sources still did was stopped, and nothing is shown."""

    code = "TIME_LIMIT"


class PersistedQueryNotFound(Refused):
    """A document was named by a hash under which this requester has none."""

    code = "PERSISTED_QUERY_NOT_FOUND"


class AttestationInvalid(Refused):
    """Something about an attestation does not hold: its form, a signature, a disclosure, its key binding, its nonce."""

    code = "ATTESTATION_INVALID"


class AttestationExpired(Refused):
    """An attestation has ended, or has not begun."""

    code = "ATTESTATION_EXPIRED"


class AttestationRevoked(Refused):
    """An attestation was taken back, by its holder, its issuer, or because what it said is no longer so."""

    code = "ATTESTATION_REVOKED"


class SecondFactorNeeded(Refused):
    """The account must prove its second factor before it governs or decides."""

    code = "SECOND_FACTOR_NEEDED"


class SourceError(HubError):
    """One source failed; the answer stands without it."""

    code = "SOURCE_UNAVAILABLE"

    def __init__(self, source: str, message: str, hint: str = "") -> None:
        """Name the source beside the sentence."""
        super().__init__(message, hint)
        self.source = source


class SourceDown(SourceError):
    """The source cannot be reached, refused us, or its breaker is open."""

    code = "SOURCE_UNAVAILABLE"


class SourceSlow(SourceError):
    """The source did not answer in its time."""

    code = "SOURCE_TIMEOUT"


class SourceGarbled(SourceError):
    """The source answered with something that is not what it promised."""

    code = "SOURCE_GARBLED"


class RecordError(HubError):
    """The disclosure record could not be written, so nothing may be shown."""

    code = "DISCLOSURE_NOT_RECORDED"


class ConfigError(HubError):
    """The hub does not open with this configuration.

    `place` is `file:line` where known, so that the remedy is one jump away.
    """

    code = "CONFIG"

    def __init__(self, message: str, hint: str = "", place: str | None = None) -> None:
        """Keep where the fault stands."""
        super().__init__(message, hint)
        self.place = place

    def __str__(self) -> str:
        """`hub.toml:12: message Remedy: hint`."""
        where = f"{self.place}: " if self.place else ""
        remedy = f" Remedy: {self.hint}" if self.hint else ""
        return f"{where}{self.message}{remedy}"
