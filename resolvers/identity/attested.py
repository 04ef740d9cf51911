"""The types of attestations: what each says, and from which attributes it is made. A further type is a further entry here.

Nothing is attested that the sources' own attributes do not say: a claim names the attributes it is derived from, and its
type has the strictest level among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from resolvers.want import Field, Want
from values import Catalogue, Level

Facts = Mapping[str, Any]
"""What the sources say of one person: attributes by name, and the finished objects of relations."""

Derived = Callable[[Facts, date, str | None], Any]
"""Makes a claim from facts, today's day and the programme it is about; None where they do not say."""

Words = Mapping[str, str]


def said_in(ar: str, ckb: str, en: str) -> Words:
    """A title in the three languages."""
    return {"ar": ar, "ckb": ckb, "en": en}


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing an attestation says, and the coordinates it is made from."""

    name: str
    sources: tuple[str, ...]
    derive: Derived
    words: Words


@dataclass(frozen=True, slots=True)
class Attestable:
    """A type of attestation; `days` is how long one holds, `programme` says that it is about one the person names."""

    name: str
    words: Words
    claims: tuple[Claim, ...]
    days: int
    programme: bool = False

    def level(self, catalogue: Catalogue) -> Level:
        """The strictest level of what it is made from."""
        coordinates = [each.split(".") for claim in self.claims for each in claim.sources]
        return max((catalogue.attribute(entity, name).level for entity, name in coordinates), key=lambda level: level.rank)

    def said(self, facts: Facts, today: date, programme: str | None) -> dict[str, Any]:
        """Its claims of these facts, without those of which the sources say nothing."""
        found = {claim.name: claim.derive(facts, today, programme) for claim in self.claims}
        return {name: value for name, value in found.items() if value is not None}


def older(years: int) -> Derived:
    """Whether a person has lived so many years; on the 29th of February one gets older on the 1st of March."""

    def derive(facts: Facts, today: date, _: str | None) -> bool | None:
        if not facts.get("birth_date"):
            return None
        born = date.fromisoformat(facts["birth_date"])
        return (today.year - born.year - ((today.month, today.day) < (born.month, born.day))) >= years

    return derive


def same(name: str) -> Derived:
    """An attribute as it stands."""
    return lambda facts, _today, _programme: facts.get(name)


def months(least: int) -> Derived:
    """Whether so many months of contributions are paid."""

    def derive(facts: Facts, _: date, __: str | None) -> bool | None:
        paid = (facts.get("insurance") or {}).get("months")
        return None if paid is None else paid >= least

    return derive


def insured(facts: Facts, _: date, __: str | None) -> bool | None:
    """Whether the insurance is in force."""
    status = (facts.get("insurance") or {}).get("status")
    return None if status is None else status == "active"


def _clear(facts: Facts) -> bool:
    entry = facts.get("insurance") or {}
    return entry.get("status") in {"active", "exempt"} and entry.get("owed_months") == 0


def cleared(facts: Facts, _: date, __: str | None) -> bool | None:
    """That nothing is owed to the fund. Whoever owes is attested nothing at all: there is no certificate of debts to be asked for."""
    return True if _clear(facts) else None


def cleared_scheme(facts: Facts, _: date, __: str | None) -> str | None:
    """The law or branch under which nothing is owed."""
    return facts["insurance"].get("scheme") if _clear(facts) else None


def delivered(part: str) -> Derived:
    """The last thing delivered under a programme: its organisation, or its month."""

    def derive(facts: Facts, today: date, programme: str | None) -> str | None:
        given = [
            each
            for each in facts.get("allocations") or ()
            if each["programme"] == programme and each["status"] == "delivered" and "" < (each["allocated_on"] or "") <= today.isoformat()
        ]
        if not given:
            return None
        last = max(given, key=lambda each: str(each["allocated_on"]))
        if part == "programme":
            return programme
        return str(last["allocated_on"])[:7] if part == "month" else (last["organisation"] or {}).get("id")

    return derive


def _age(years: int) -> Claim:
    words = said_in(f"أتمّ {years} سنة", f"تەمەنی {years} ساڵ یان زیاترە", f"{years} years or older")
    return Claim(f"age_over_{years}", ("person.birth_date",), older(years), words)


def _months(least: int) -> Claim:
    words = said_in(f"سدّد {least} اشتراكاً شهرياً فأكثر", f"{least} مانگ یان زیاتر بەشداری داوە", f"{least} months paid or more")
    return Claim(f"months_over_{least}", ("insurance.months",), months(least), words)


ATTESTABLE: Mapping[str, Attestable] = {
    each.name: each
    for each in (
        Attestable("age", said_in("تأييد بالعمر", "پشتگیری تەمەن", "Age"), tuple(map(_age, (15, 18, 21, 60, 63))), 365),
        Attestable(
            "residence",
            said_in("تأييد سكن", "پشتگیری نیشتەجێبوون", "Residence"),
            (
                Claim("governorate", ("person.governorate",), same("governorate"), said_in("المحافظة", "پارێزگا", "Governorate")),
                Claim("district", ("person.district",), same("district"), said_in("القضاء", "قەزا", "District")),
            ),
            180,
        ),
        Attestable(
            "disability",
            said_in("تأييد إعاقة", "پشتگیری کەمئەندامی", "Disability"),
            (
                Claim(
                    "disability",
                    ("person.disability",),
                    same("disability"),
                    said_in("ذو إعاقة", "کەمئەندامە", "Has a disability"),
                ),
                Claim(
                    "impairment_type",
                    ("person.impairment_type",),
                    same("impairment_type"),
                    said_in("نوع الصعوبة", "جۆری کێشە", "Kind of difficulty"),
                ),
            ),
            365,
        ),
        Attestable(
            "beneficiary",
            said_in("تأييد استفادة من برنامج", "پشتگیری سوودمەندبوون لە بەرنامە", "Beneficiary of a programme"),
            (
                Claim("programme", ("allocation.programme",), delivered("programme"), said_in("البرنامج", "بەرنامە", "Programme")),
                Claim(
                    "organisation",
                    ("allocation.organisation",),
                    delivered("organisation"),
                    said_in("الجهة", "لایەن", "Organisation"),
                ),
                Claim(
                    "last_month",
                    ("allocation.allocated_on",),
                    delivered("month"),
                    said_in("آخر شهر", "دوایین مانگ", "Last month"),
                ),
            ),
            90,
            programme=True,
        ),
        Attestable(
            "insurance",
            said_in("تأييد ضمان", "پشتگیری بیمە", "Social security"),
            (
                Claim("insured", ("insurance.status",), insured, said_in("مضمون حالياً", "ئێستا بیمەکراوە", "Insured now")),
                *map(_months, (12, 60, 180)),
            ),
            90,
        ),
        Attestable(
            "clearance",
            said_in("سلامة الموقف", "پاکانەی دارایی بیمە", "Clearance with social security"),
            (
                Claim(
                    "cleared",
                    ("insurance.status", "insurance.owed_months"),
                    cleared,
                    said_in("لا اشتراكات مستحقة عليه", "هیچ بەشدارییەکی لەسەر نەماوە", "Owes no contributions"),
                ),
                Claim(
                    "scheme",
                    ("insurance.status", "insurance.owed_months", "insurance.scheme"),
                    cleared_scheme,
                    said_in("القانون أو الفرع", "یاسا یان لق", "Law or branch"),
                ),
            ),
            30,
        ),
    )
}
"""Every type, by name."""

_ALLOCATION = Want(
    "Allocation",
    (
        *(Field(name, name) for name in ("programme", "allocated_on", "status")),
        Field("organisation", "organisation", want=Want("Organisation", (Field("id", "id"),))),
    ),
)
_ALL: Mapping[str, Any] = {"first": 1000, "since": None, "kinds": None, "order": "recorded"}


def _want(attestable: Attestable) -> Want:
    fields = [Field("living", "living")]
    entities = {each.split(".")[0] for claim in attestable.claims for each in claim.sources}
    names = dict.fromkeys(each.split(".")[1] for claim in attestable.claims for each in claim.sources if each.startswith("person."))
    fields += [Field(name, name) for name in names]
    if "allocation" in entities:
        fields.append(Field("allocations", "allocations", lambda _: _ALL, _ALLOCATION))
    if "insurance" in entities:
        standing = dict.fromkeys(
            each.split(".")[1] for claim in attestable.claims for each in claim.sources if each.startswith("insurance.")
        )
        fields.append(Field("insurance", "insurance", want=Want("Insurance", tuple(Field(name, name) for name in standing))))
    return Want("Person", tuple(fields))


WANTS: Mapping[str, Want] = {name: _want(each) for name, each in ATTESTABLE.items()}
"""What is read for each type; made once, because plans are kept beside their wants."""
