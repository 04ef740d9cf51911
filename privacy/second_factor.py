"""The second factor of staff accounts: a code of an authenticator app, good once.

A key alone may be copied from a screen or a file; whoever governs an organisation's accounts or decides on organisations
proves besides that the enrolled device is at hand. Codes are those of RFC 6238 (six digits, thirty seconds); the step of time
of the last good code is kept, so that a code seen over a shoulder opens nothing a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest

import pyotp
import sqlalchemy as sa

from errors import Conflict, Invalid, LimitReached
from privacy.keys import KeyRing
from privacy.sealing import Seal
from tables.database import Database, Transaction
from tables.governance import second_factor

STEP_SECONDS = 30
PROVEN_SECONDS = 12 * 3600
"""How long a proof lasts: a working day, so that nobody is asked at every act."""

WRONG_CODES = 5
PAUSE_SECONDS = 900
"""After so many wrong codes there is a pause: a million codes cannot be tried."""

ISSUER = "mizalla"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the holder puts into its app, shown once: the secret in base32, and the same as an `otpauth://` address."""

    secret: str
    address: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How an account stands: whether it has a confirmed second factor, and until when it is proven (seconds since 1970)."""

    confirmed: bool = False
    proven_until: int = 0


class SecondFactors:
    """Enrols, confirms and proves second factors."""

    def __init__(self, database: Database, ring: KeyRing) -> None:
        """Prepare every statement once."""
        self._ring = ring
        self._database = database
        prepare = database.prepare
        one = second_factor.c.credential == sa.bindparam("which")
        self._one = prepare(sa.select(*second_factor.c).where(one).with_for_update())
        self._look = prepare(sa.select(second_factor.c.confirmed_at, second_factor.c.proven_until).where(one))
        self._remove = prepare(sa.delete(second_factor).where(one))
        self._add = prepare(sa.insert(second_factor))
        self._right = prepare(
            sa.update(second_factor)
            .where(one)
            .values(confirmed_at=sa.bindparam("confirmed"), proven_until=sa.bindparam("until"), last_step=sa.bindparam("step"), wrong=0)
        )
        self._wrong = prepare(sa.update(second_factor).where(one).values(wrong=sa.bindparam("wrongs"), wrong_at=sa.bindparam("at")))

    async def of(self, credential: str) -> Standing:
        """How an account stands."""
        rows = await self._database.fetch(self._look, {"which": credential})
        return Standing(rows[0][0] is not None, rows[0][1] or 0) if rows else Standing()

    async def begin(self, tx: Transaction, credential: str, label: str) -> Enrolled:
        """Make a secret for an account that has none confirmed; an unconfirmed one is replaced.

        Raises:
            Conflict: there is a confirmed one; only who governs the accounts takes it away.
        """
        rows = await tx.fetch(self._one, {"which": credential})
        if rows and rows[0][2] is not None:
            raise Conflict("this account has a second factor", "a manager of the organisation can take it away if the device is lost")
        secret = pyotp.random_base32()
        await tx.execute(self._remove, {"which": credential})
        row = {"credential": credential, "secret": self._seal(credential).close(secret.encode(), self._ring.current)}
        await tx.execute(self._add, {**row, "confirmed_at": None, "proven_until": None, "last_step": 0, "wrong": 0, "wrong_at": None})
        return Enrolled(secret, pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=ISSUER))

    async def prove(self, tx: Transaction, credential: str, code: str, now: int) -> bool:
        """Take a code: True, and the account is proven for a working day; False for a wrong one, which is counted.

        The caller commits in both cases, since a wrong code that is not counted could be tried for ever.

        Raises:
            Invalid: not six digits, or the account has no second factor.
            LimitReached: too many wrong codes; only waiting helps.
        """
        if len(code) != 6 or not code.isascii() or not code.isdecimal():
            raise Invalid("a code has six digits", "read it from the authenticator app", "code")
        rows = await tx.fetch(self._one, {"which": credential})
        if not rows:
            raise Invalid("this account has no second factor", "begin with secondFactorBegin", "code")
        _, sealed, confirmed_at, _, last_step, wrong, wrong_at = rows[0]
        if wrong >= WRONG_CODES and now < (wrong_at or 0) + PAUSE_SECONDS:
            raise LimitReached("too many wrong codes", "wait, then read a new code from the app", (wrong_at or 0) + PAUSE_SECONDS - now)
        step = self._step(credential, str(sealed), code, now)
        if step is None or step <= last_step:
            counted = 1 if wrong >= WRONG_CODES else wrong + 1
            await tx.execute(self._wrong, {"which": credential, "wrongs": counted, "at": now})
            return False
        values = {"which": credential, "confirmed": confirmed_at or now, "until": now + PROVEN_SECONDS, "step": step}
        await tx.execute(self._right, values)
        return True

    async def remove(self, tx: Transaction, credential: str) -> None:
        """Take a second factor away: the device is lost."""
        await tx.execute(self._remove, {"which": credential})

    def _step(self, credential: str, sealed: str, code: str, now: int) -> int | None:
        """The step of time a code belongs to: the present one, or one before or after it, for clocks that differ."""
        secret = self._seal(credential).open(sealed, stored=True)
        if secret is None:
            return None
        totp = pyotp.TOTP(secret.decode())
        present = now // STEP_SECONDS
        found = [step for step in (present - 1, present, present + 1) if compare_digest(totp.generate_otp(step), code)]
        return found[-1] if found else None

    def _seal(self, credential: str) -> Seal:
        return Seal(self._ring, "second factor", credential)
