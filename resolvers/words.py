"""Sentences of answers that people read, in the hub's three languages.

A caseworker reads in an answer why a value is not there and what could be done; that is said in the caseworker's language. Errors of the
interface itself are for programmers and stay in English, with codes that any client can translate.
"""

from __future__ import annotations

from typing import Final

from values import Reason

REMEDIES: Final[dict[str, dict[Reason, str]]] = {
    "en": {
        Reason.NO_CONSENT: "ask the person for consent to this category for this purpose",
        Reason.PURPOSE_NOT_ALLOWED: "ask again under a purpose the agreement names",
        Reason.LEVEL_TOO_LOW: "only the person, or the body that keeps this, may see it",
        Reason.NOT_IN_AGREEMENT: "agree with the source's steward on this attribute",
        Reason.SOURCE_UNAVAILABLE: "ask again later: the source cannot be reached",
        Reason.SOURCE_TIMEOUT: "ask again later, or for fewer people: the source did not answer in time",
        Reason.SOURCE_GARBLED: "tell the source's steward: its answer could not be read",
        Reason.NOT_RECORDED: "no source that may be asked knows this of the person",
    },
    "ar": {
        Reason.NO_CONSENT: "اطلب من صاحب البيانات موافقته على هذه الفئة لهذا الغرض",
        Reason.PURPOSE_NOT_ALLOWED: "اسأل من جديد لغرض تذكره الاتفاقية",
        Reason.LEVEL_TOO_LOW: "لا يراه إلا صاحبه أو الجهة التي تحفظه",
        Reason.NOT_IN_AGREEMENT: "اتفق مع الجهة المسؤولة عن المصدر على هذه البيانات",
        Reason.SOURCE_UNAVAILABLE: "اسأل لاحقاً: لا يمكن الوصول إلى المصدر",
        Reason.SOURCE_TIMEOUT: "اسأل لاحقاً أو عن عدد أقل: لم يجب المصدر في الوقت المحدد",
        Reason.SOURCE_GARBLED: "أبلغ الجهة المسؤولة عن المصدر: تعذّرت قراءة جوابه",
        Reason.NOT_RECORDED: "لا يعرف ذلك عن الشخص أي مصدر يجوز سؤاله",
    },
    "ckb": {
        Reason.NO_CONSENT: "داوا لە خاوەنی داتا بکە ڕەزامەندی بدات بۆ ئەم جۆرە و ئەم مەبەستە",
        Reason.PURPOSE_NOT_ALLOWED: "دووبارە بپرسە بە مەبەستێک کە لە ڕێککەوتنەکەدا هاتووە",
        Reason.LEVEL_TOO_LOW: "تەنیا خاوەنەکەی یان ئەو لایەنەی دەیپارێزێت دەیبینێت",
        Reason.NOT_IN_AGREEMENT: "لەگەڵ لایەنی بەرپرسی سەرچاوەکە لەسەر ئەم داتایە ڕێک بکەوە",
        Reason.SOURCE_UNAVAILABLE: "دواتر بپرسەوە: ناگەینە سەرچاوەکە",
        Reason.SOURCE_TIMEOUT: "دواتر بپرسەوە یان بۆ کەسانی کەمتر: سەرچاوەکە لە کاتی خۆیدا وەڵامی نەدایەوە",
        Reason.SOURCE_GARBLED: "بە لایەنی بەرپرسی سەرچاوەکە بڵێ: وەڵامەکەی نەخوێندرایەوە",
        Reason.NOT_RECORDED: "هیچ سەرچاوەیەک کە ڕێگە هەیە بپرسرێت ئەمە لەسەر کەسەکە نازانێت",
    },
}
"""What the requester could do about a value that is not shown, by language (BCP 47) and reason."""

WARNINGS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "kept": "a number or address tells who you are; take it out, or say with `keepsIdentifiers` that you want to show it",
        "public": "anyone would read the number or address and know who you are; take it out",
    },
    "ar": {
        "kept": "الرقم أو العنوان يكشف من أنت؛ احذفه، أو أكّد أنك تريد إظهاره",
        "public": "سيقرأ أي شخص الرقم أو العنوان ويعرف من أنت؛ احذفه",
    },
    "ckb": {
        "kept": "ژمارە یان ناونیشان دەریدەخات تۆ کێیت؛ بیسڕەوە، یان دڵنیا بکەرەوە کە دەتەوێت نیشانی بدەیت",
        "public": "هەموو کەسێک ژمارە یان ناونیشانەکە دەخوێنێتەوە و دەزانێت تۆ کێیت؛ بیسڕەوە",
    },
}
"""What a person is told whose words would tell who it is, by language: `kept` where it may insist, `public` where it may not."""
