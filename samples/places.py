"""The nineteen governorates with their codes, their names in three languages, and some districts of each.

Codes are ISO 3166-2:IQ. Halabja became the nineteenth governorate in April 2025 and no code of its own could be
confirmed; it stands here as `IQ-XHA`, a code for use inside the hub. All Iraqi codes have two letters after the
hyphen, so one with three can never be taken for, or become, an official one.

`share` is a rough weight for drawing a home, not a census figure.
"""

from __future__ import annotations

from dataclasses import dataclass

from samples.names import ARABIC, BADINI, SORANI, Names


@dataclass(frozen=True, slots=True)
class Governorate:
    """One governorate; `number` is the labour ministry's own, invented, code."""

    code: str
    ar: str
    ckb: str
    en: str
    share: int
    districts: tuple[str, ...]
    names: Names = ARABIC
    number: int = 0
    confirmed: bool = True

    @property
    def in_kurdistan(self) -> bool:
        """Whether the Kurdistan Region's own laws apply there."""
        return self.names is not ARABIC


GOVERNORATES = tuple(
    Governorate(*place[:6], names=place[6], number=10 + index, confirmed=place[0] != "IQ-XHA")
    for index, place in enumerate(
        (
            ("IQ-BG", "بغداد", "بەغدا", "Baghdad", 200, ("الكرخ", "الرصافة", "الصدر", "الكاظمية", "الأعظمية", "المحمودية"), ARABIC),
            ("IQ-NI", "نينوى", "نەینەوا", "Nineveh", 95, ("الموصل", "تلعفر", "سنجار", "الحمدانية", "تلكيف", "البعاج", "الحضر"), ARABIC),
            ("IQ-BA", "البصرة", "بەسرە", "Basra", 80, ("البصرة", "الزبير", "أبو الخصيب", "القرنة", "شط العرب", "الفاو"), ARABIC),
            ("IQ-SU", "السليمانية", "سلێمانی", "Sulaymaniyah", 50, ("سلێمانی", "ڕانیە", "دوکان", "چەمچەماڵ", "کەلار", "پێنجوێن"), SORANI),
            ("IQ-AR", "أربيل", "هەولێر", "Erbil", 55, ("هەولێر", "سۆران", "کۆیە", "شەقڵاوە", "چۆمان"), SORANI),
            ("IQ-DQ", "ذي قار", "زیقار", "Dhi Qar", 55, ("الناصرية", "الشطرة", "الرفاعي", "سوق الشيوخ", "الجبايش"), ARABIC),
            ("IQ-BB", "بابل", "بابل", "Babil", 53, ("الحلة", "المحاويل", "المسيب", "الهاشمية"), ARABIC),
            ("IQ-AN", "الأنبار", "ئەنبار", "Anbar", 45, ("الرمادي", "الفلوجة", "هيت", "حديثة", "عنه", "القائم", "الرطبة"), ARABIC),
            ("IQ-DI", "ديالى", "دیالە", "Diyala", 43, ("بعقوبة", "المقدادية", "الخالص", "بلدروز", "خانقين"), ARABIC),
            ("IQ-KI", "كركوك", "کەرکووک", "Kirkuk", 42, ("كركوك", "الحويجة", "داقوق"), ARABIC),
            ("IQ-SD", "صلاح الدين", "سەلاحەدین", "Salah ad-Din", 42, ("تكريت", "سامراء", "بيجي", "بلد", "الشرقاط", "طوزخورماتو"), ARABIC),
            ("IQ-NA", "النجف", "نەجەف", "Najaf", 38, ("النجف", "الكوفة", "المناذرة"), ARABIC),
            ("IQ-WA", "واسط", "واست", "Wasit", 36, ("الكوت", "النعمانية", "الصويرة", "الحي", "العزيزية", "بدرة"), ARABIC),
            ("IQ-DA", "دهوك", "دهۆک", "Duhok", 34, ("دهۆک", "زاخۆ", "ئامێدی", "سێمێل", "ئاکرێ"), BADINI),
            ("IQ-QA", "الديوانية", "دیوانیە", "Qadisiyah", 33, ("الديوانية", "الشامية", "عفك", "الحمزة"), ARABIC),
            ("IQ-KA", "كربلاء", "کەربەلا", "Karbala", 31, ("كربلاء", "الهندية", "عين التمر"), ARABIC),
            ("IQ-MA", "ميسان", "میسان", "Maysan", 29, ("العمارة", "علي الغربي", "المجر الكبير", "قلعة صالح", "الكحلاء"), ARABIC),
            ("IQ-MU", "المثنى", "موسەننا", "Muthanna", 21, ("السماوة", "الرميثة", "الخضر", "السلمان"), ARABIC),
            ("IQ-XHA", "حلبجة", "هەڵەبجە", "Halabja", 6, ("هەڵەبجە", "خورماڵ", "سیروان", "بیارە"), SORANI),
        )
    )
)

BY_CODE = {each.code: each for each in GOVERNORATES}
