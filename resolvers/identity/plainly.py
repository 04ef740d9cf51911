"""What an organisation's request for consent says, in plain words, in the hub's three languages.

The text is made of the request itself and of nothing that somebody typed, so that no request can be dressed up: what would be seen,
by whom, why, how long, what may be done with it, and what happens to whoever says no.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from privacy.consent import Terms
from values import Category, Purpose

WHAT: Final[dict[str, dict[Category, str]]] = {
    "en": {
        Category.NAME: "your name and the names of your parents",
        Category.CONTACT: "your telephone number",
        Category.BIRTH: "the day you were born",
        Category.PLACE: "where you live",
        Category.FAMILY: "whether you are married, and who lives with you",
        Category.HEALTH: "whether you have a disability, and which",
        Category.NEED: "how great your need is, and what home you live in",
        Category.ASSISTANCE: "what help you received, and from whom",
        Category.INSURANCE: "your insurance: whether it is paid, how many months, and your employer",
        Category.INCOME: "how much you earn",
        Category.IDENTIFIERS: "the numbers of your papers",
    },
    "ar": {
        Category.NAME: "اسمك واسم والديك",
        Category.CONTACT: "رقم هاتفك",
        Category.BIRTH: "يوم ميلادك",
        Category.PLACE: "أين تسكن",
        Category.FAMILY: "هل أنت متزوج ومن يعيش معك",
        Category.HEALTH: "هل لديك إعاقة وما هي",
        Category.NEED: "مقدار حاجتك ونوع سكنك",
        Category.ASSISTANCE: "ما استلمته من مساعدات وممن",
        Category.INSURANCE: "ضمانك: هل هو مدفوع وكم شهراً ومن صاحب العمل",
        Category.INCOME: "كم تكسب",
        Category.IDENTIFIERS: "أرقام أوراقك",
    },
    "ckb": {
        Category.NAME: "ناوت و ناوی دایک و باوکت",
        Category.CONTACT: "ژمارەی تەلەفۆنت",
        Category.BIRTH: "ڕۆژی لەدایکبوونت",
        Category.PLACE: "لە کوێ دەژیت",
        Category.FAMILY: "ئایا هاوسەرت هەیە و کێ لەگەڵت دەژی",
        Category.HEALTH: "ئایا کەمئەندامیت هەیە و چییە",
        Category.NEED: "پێداویستیت چەندە و لە چ خانوویەک دەژیت",
        Category.ASSISTANCE: "چ یارمەتییەکت وەرگرتووە و لە کێ",
        Category.INSURANCE: "بیمەکەت: ئایا دراوە و چەند مانگە و خاوەنکارت کێیە",
        Category.INCOME: "چەند پارە پەیدا دەکەیت",
        Category.IDENTIFIERS: "ژمارەی بەڵگەنامەکانت",
    },
}

WHY: Final[dict[str, dict[Purpose, str]]] = {
    "en": {
        Purpose.AID_DISTRIBUTION: "to decide on help for you and to bring it to you",
        Purpose.SOCIAL_SECURITY: "for your insurance and your pension",
        Purpose.CASE_MANAGEMENT: "to look after your case",
        Purpose.OVERSIGHT: "to check those who are to help you",
        Purpose.STATISTICS: "to count people; nobody learns from it who you are",
    },
    "ar": {
        Purpose.AID_DISTRIBUTION: "لتقرير مساعدتك وإيصالها إليك",
        Purpose.SOCIAL_SECURITY: "لضمانك وتقاعدك",
        Purpose.CASE_MANAGEMENT: "لمتابعة حالتك",
        Purpose.OVERSIGHT: "لمراقبة من عليهم مساعدتك",
        Purpose.STATISTICS: "لعدّ الناس، ولا يعرف أحد منه من أنت",
    },
    "ckb": {
        Purpose.AID_DISTRIBUTION: "بۆ بڕیاردان لەسەر یارمەتیت و گەیاندنی پێت",
        Purpose.SOCIAL_SECURITY: "بۆ بیمە و خانەنشینییەکەت",
        Purpose.CASE_MANAGEMENT: "بۆ چاودێریکردنی حاڵەتەکەت",
        Purpose.OVERSIGHT: "بۆ چاودێریکردنی ئەوانەی دەبێت یارمەتیت بدەن",
        Purpose.STATISTICS: "بۆ ژماردنی خەڵک، و کەس لێیەوە نازانێت تۆ کێیت",
    },
}
"""The purposes an organisation may ask for; the others need no consent, or open nothing about one person."""

SAYS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "asks": "{who} asks to see: {what}.",
        "why": "Why: {why}.",
        "long": "For how long: {days} from when you say yes. Then it ends by itself.",
        "view": "They may look at it and may not keep it.",
        "store": "They may keep what they saw for {keep}, then they must delete it.",
        "often": "They may look as often as they need.",
        "times": "They may look {times}.",
        "period": "They may look {times} in every {period}.",
        "no": "You may say yes, yes to a part, or no. If you say no, they do not see it, and nobody may take anything from you for it.",
        "back": "You can take a yes back at any time. From then on they see nothing more.",
        "nothing": "If you do nothing, the request ends by itself on {day}, and they do not see it.",
        "and": "; ",
    },
    "ar": {
        "asks": "تطلب {who} أن ترى: {what}.",
        "why": "السبب: {why}.",
        "long": "المدة: {days} من حين توافق، ثم تنتهي من نفسها.",
        "view": "يحق لهم النظر فقط ولا يحق لهم الاحتفاظ بشيء.",
        "store": "يحق لهم الاحتفاظ بما رأوه {keep}، ثم عليهم حذفه.",
        "often": "يحق لهم النظر كلما احتاجوا.",
        "times": "يحق لهم النظر {times}.",
        "period": "يحق لهم النظر {times} في كل {period}.",
        "no": "يمكنك أن تقول نعم، أو نعم لجزء منه، أو لا. إن قلت لا فلن يروا شيئاً، ولا يحق لأحد أن يحرمك من شيء بسبب ذلك.",
        "back": "يمكنك أن ترجع عن موافقتك في أي وقت، ومن حينها لا يرون شيئاً بعد.",
        "nothing": "إن لم تفعل شيئاً ينتهي الطلب من نفسه يوم {day} ولا يرون شيئاً.",
        "and": "، ",
    },
    "ckb": {
        "asks": "{who} داوا دەکات ئەمە ببینێت: {what}.",
        "why": "بۆچی: {why}.",
        "long": "بۆ چەند: {days} لەو کاتەوەی دەڵێیت بەڵێ، دواتر خۆی تەواو دەبێت.",
        "view": "دەتوانن تەنیا سەیری بکەن و ناتوانن هەڵیبگرن.",
        "store": "دەتوانن ئەوەی بینیویانە {keep} هەڵیبگرن، دواتر دەبێت بیسڕنەوە.",
        "often": "دەتوانن هەرچەند پێویستیان بێت سەیری بکەن.",
        "times": "دەتوانن {times} سەیری بکەن.",
        "period": "دەتوانن لە هەر {period} {times} سەیری بکەن.",
        "no": "دەتوانیت بڵێیت بەڵێ، یان بەڵێ بۆ بەشێکی، یان نەخێر. ئەگەر بڵێیت نەخێر نایبینن، و کەس بۆی نییە لەبەر ئەوە هیچت لێ بگرێتەوە.",
        "back": "دەتوانیت هەر کاتێک پاشگەز ببیتەوە، لەو کاتەوە هیچی تر نابینن.",
        "nothing": "ئەگەر هیچ نەکەیت، داواکارییەکە خۆی لە {day} تەواو دەبێت و نایبینن.",
        "and": "، ",
    },
}


def texts(
    names: Mapping[str, str], purpose: Purpose, categories: frozenset[Category], days: int, terms: Terms, lapses_at: int
) -> dict[str, str]:
    """The text of a request by language.

    Args:
        names: the organisation's name by language.
        purpose: why.
        categories: what.
        days: how long the consent would hold.
        terms: what may be done with it, and how often.
        lapses_at: when the request ends by itself, in seconds since 1970 (UTC).
    """
    return {language: _text(language, names[language], purpose, categories, days, terms, lapses_at) for language in SAYS}


def _text(language: str, who: str, purpose: Purpose, categories: frozenset[Category], days: int, terms: Terms, lapses_at: int) -> str:
    says = SAYS[language]
    what = says["and"].join(WHAT[language][each] for each in Category if each in categories)
    parts = [
        says["asks"].format(who=who, what=what),
        says["why"].format(why=WHY[language][purpose]),
        says["long"].format(days=days_in(language, days)),
        says["view"] if terms.keep_days is None else says["store"].format(keep=days_in(language, terms.keep_days)),
    ]
    if terms.uses is None:
        parts.append(says["often"])
    elif terms.period_days is None:
        parts.append(says["times"].format(times=times_in(language, terms.uses)))
    else:
        period = days_in(language, terms.period_days)
        parts.append(says["period"].format(times=times_in(language, terms.uses), period=period))
    day = datetime.fromtimestamp(lapses_at, UTC).date().isoformat()
    return " ".join([*parts, says["no"], says["back"], says["nothing"].format(day=day)])


def days_in(language: str, count: int) -> str:
    """A number of days as it is said."""
    if language == "ar":
        return _arabic(count, ("يوماً واحداً", "يومين", "أيام", "يوماً", "يوم"))
    return f"{count} ڕۆژ" if language == "ckb" else f"{count} day{'s' if count != 1 else ''}"


def times_in(language: str, count: int) -> str:
    """A number of times as it is said."""
    if language == "ar":
        return _arabic(count, ("مرة واحدة", "مرتين", "مرات", "مرة", "مرة"))
    if language == "ckb":
        return f"{count} جار"
    return "once" if count == 1 else f"{count} times"


def _arabic(count: int, forms: tuple[str, str, str, str, str]) -> str:
    """Arabic counts in five ways: one, two, three to ten, eleven to ninety-nine, and whole hundreds."""
    one, two, few, many, whole = forms
    if count == 1:
        return one
    if count == 2:
        return two
    rest = count % 100
    return f"{count} {few if 3 <= rest <= 10 else many if rest > 10 else whole}"
