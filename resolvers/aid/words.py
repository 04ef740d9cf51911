"""Why somebody stands where they stand, in the hub's three languages."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "en": {
        "cash": "cash",
        "food": "food aid",
        "shelter": "help with shelter",
        "health": "health care",
        "education": "help with education",
        "protection": "protection",
        "assistive_device": "an assistive device",
        "hygiene": "hygiene goods",
    },
    "ar": {
        "cash": "معونة نقدية",
        "food": "معونة غذائية",
        "shelter": "معونة إيواء",
        "health": "رعاية صحية",
        "education": "معونة تعليمية",
        "protection": "حماية",
        "assistive_device": "جهازاً معيناً",
        "hygiene": "مواد نظافة",
    },
    "ckb": {
        "cash": "یارمەتیی نەختینە",
        "food": "یارمەتیی خۆراک",
        "shelter": "یارمەتیی نیشتەجێبوون",
        "health": "چاودێریی تەندروستی",
        "education": "یارمەتیی خوێندن",
        "protection": "پاراستن",
        "assistive_device": "ئامێری یارمەتیدەر",
        "hygiene": "کەلوپەلی پاکوخاوێنی",
    },
}

SENTENCES: Final = {
    "en": {
        "NEED": "need assessed at {points} of 100 points",
        "NEED_WEIGHED": "need assessed at {points} of 100 points, which weighs {weighs} by the rules of this queue",
        "OVERRIDE": "moved by a decision of the organisation",
        "WAITED": "has waited since an assessment {ago}",
        "RECEIVED": "received {kind} from this organisation {ago}",
        "RECEIVED_ELSEWHERE": "received {kind} from another organisation {ago}",
        "ELSEWHERE": "help from elsewhere is taken into account",
    },
    "ar": {
        "NEED": "قُدّرت الحاجة بـ {points} من 100 نقطة",
        "NEED_WEIGHED": "قُدّرت الحاجة بـ {points} من 100 نقطة، ووزنها {weighs} بحسب قواعد هذا الطابور",
        "OVERRIDE": "غُيّر الموضع بقرار من المنظمة",
        "WAITED": "ينتظر منذ تقييم جرى {ago}",
        "RECEIVED": "تلقّى {kind} من هذه المنظمة {ago}",
        "RECEIVED_ELSEWHERE": "تلقّى {kind} من منظمة أخرى {ago}",
        "ELSEWHERE": "حُسبت مساعدة من جهة أخرى",
    },
    "ckb": {
        "NEED": "پێداویستی بە {points} لە 100 خاڵ هەڵسەنگێندراوە",
        "NEED_WEIGHED": "پێداویستی بە {points} لە 100 خاڵ هەڵسەنگێندراوە، کێشی بەپێی یاساکانی ئەم ڕیزە دەبێتە {weighs}",
        "OVERRIDE": "شوێنەکەی بە بڕیاری ڕێکخراوەکە گۆڕدراوە",
        "WAITED": "لە هەڵسەنگاندنێکەوە {ago} چاوەڕێیە",
        "RECEIVED": "{ago} {kind} لەم ڕێکخراوە وەرگرتووە",
        "RECEIVED_ELSEWHERE": "{ago} {kind} لە ڕێکخراوێکی تر وەرگرتووە",
        "ELSEWHERE": "یارمەتیی شوێنێکی تر لەبەرچاو گیراوە",
    },
}
"""A reason's sentence by language (BCP 47) and code."""


def ago(language: str, days: int) -> str:
    """How long ago a day was, as it is said."""
    days = max(days, 0)
    if language == "en":
        return {0: "today", 1: "yesterday"}.get(days, f"{days} days ago")
    if language == "ckb":
        return {0: "ئەمڕۆ", 1: "دوێنێ"}.get(days, f"{days} ڕۆژ لەمەوبەر")
    counted = f"قبل {days} أيام" if 3 <= days % 100 <= 10 else f"قبل {days} يوماً"
    return {0: "اليوم", 1: "أمس", 2: "قبل يومين"}.get(days, counted)


def reason(language: str, code: str, *, points: float = 0, weighs: float | None = None, kind: str = "", days: int = 0) -> str:
    """A reason in words; `weighs` where points do not count as they are."""
    said = SENTENCES[language][code if weighs is None else f"{code}_WEIGHED"]
    return said.format(points=f"{points:g}", weighs=f"{weighs or 0:g}", kind=KINDS[language].get(kind, kind), ago=ago(language, days))


SUGGESTED: Final = {
    "en": {
        "ANSWER": "the answer to {code} is {value}; in the middle case it is {middle}",
        "received": "what this organisation gave counts as {value} shares of the reference; in the middle case as {middle}",
    },
    "ar": {
        "ANSWER": "جواب {code} هو {value}، وهو في الحالة الوسطى {middle}",
        "received": "ما قدّمته هذه المنظمة يُحسب {value} من الحصة المرجعية، وفي الحالة الوسطى {middle}",
    },
    "ckb": {
        "ANSWER": "وەڵامی {code} بریتییە لە {value}، لە حاڵەتی ناوەڕاستدا {middle}",
        "received": "ئەوەی ئەم ڕێکخراوە داویەتی بە {value} بەشی سەرچاوە دەژمێردرێت، لە حاڵەتی ناوەڕاستدا {middle}",
    },
}
"""What a suggestion rests on, by language (BCP 47)."""


def suggested(language: str, code: str, value: float, middle: float) -> str:
    """What a feature of a case is, beside that of the middle case, in words."""
    said = SUGGESTED[language]
    return said.get(code, said["ANSWER"]).format(code=code, value=f"{value:g}", middle=f"{middle:g}")
