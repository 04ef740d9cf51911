"""What is wrong in a questionnaire's workbook and what to do, in the hub's three languages."""

from __future__ import annotations

from typing import Final

from resolvers.aid.import_words import FAULTS as FILE_FAULTS

OWN: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "en": {
        "NOT_A_TABLE": ("the file cannot be read as a workbook", "save it anew as an Excel workbook"),
        "NO_SHEET": ("a sheet is missing", "a form has the sheets survey, choices and settings; the last two may be left out"),
        "NO_QUESTIONS": ("the form asks nothing", "write questions into the sheet survey"),
        "TOO_MANY": ("the form is too long", "at most 500 questions and 5,000 choices"),
        "TYPE": ("questions of this type are not understood", "select_one, select_multiple, integer, decimal, text, date, note, groups"),
        "QUESTION_NAME": ("this is no name for a question", "Latin letters, digits, _ - and ., beginning with a letter"),
        "NAME_TWICE": ("this name stands there twice", "give each question and each choice of a list its own"),
        "LABEL": ("there are no words to ask with", "write a label, or one for each language"),
        "LIST": ("there is no such list of choices", "write its choices into the sheet choices"),
        "CHOICE": ("this choice has no list, or its name has spaces", "give it a list_name and a name of one word"),
        "GROUP": ("a group begins or ends alone", "give each begin_group its end_group"),
        "EXPRESSION": ("this condition is not understood", "compare ${questions} and numbers with and, or, not, selected, + - * div"),
        "REFERENCE": ("this condition speaks of no question before it", "name one that is asked earlier"),
    },
    "ar": {
        "NOT_A_TABLE": ("لا يُقرأ الملف كملف Excel", "احفظه من جديد بصيغة Excel"),
        "NO_SHEET": ("ورقة ناقصة", "في الاستمارة أوراق survey وchoices وsettings ويجوز حذف الأخيرتين"),
        "NO_QUESTIONS": ("لا أسئلة في الاستمارة", "اكتب الأسئلة في ورقة survey"),
        "TOO_MANY": ("الاستمارة طويلة جداً", "500 سؤال و5000 خيار على الأكثر"),
        "TYPE": ("هذا النوع من الأسئلة غير مفهوم", "select_one وselect_multiple وinteger وdecimal وtext وdate وnote والمجموعات"),
        "QUESTION_NAME": ("لا يصلح هذا اسماً لسؤال", "حروف لاتينية وأرقام و_ - . وأوله حرف"),
        "NAME_TWICE": ("هذا الاسم مكرر", "أعطِ كل سؤال وكل خيار اسماً"),
        "LABEL": ("لا نص للسؤال", "اكتب نصاً أو نصاً لكل لغة"),
        "LIST": ("لا قائمة خيارات بهذا الاسم", "اكتب خياراتها في ورقة choices"),
        "CHOICE": ("لا قائمة لهذا الخيار أو في اسمه فراغات", "أعطه list_name واسماً من كلمة واحدة"),
        "GROUP": ("مجموعة تبدأ أو تنتهي وحدها", "أعطِ كل begin_group ما يقابلها end_group"),
        "EXPRESSION": ("هذا الشرط غير مفهوم", "قارن الأسئلة والأرقام بـ and وor وnot وselected و+ - * div"),
        "REFERENCE": ("يذكر الشرط سؤالاً ليس قبله", "اذكر سؤالاً يُسأل قبله"),
    },
    "ckb": {
        "NOT_A_TABLE": ("فایلەکە وەک فایلی Excel ناخوێندرێتەوە", "دووبارە وەک فایلی Excel پاشەکەوتی بکە"),
        "NO_SHEET": ("پەڕەیەک کەمە", "فۆرم پەڕەکانی survey و choices و settings ی هەیە، دوانی کۆتایی مەرج نین"),
        "NO_QUESTIONS": ("فۆرمەکە هیچ پرسیارێکی تێدا نییە", "پرسیارەکان لە پەڕەی survey بنووسە"),
        "TOO_MANY": ("فۆرمەکە زۆر درێژە", "زۆرترین 500 پرسیار و 5000 هەڵبژاردن"),
        "TYPE": ("ئەم جۆرە پرسیارە نەناسراوە", "select_one، select_multiple، integer، decimal، text، date، note و گروپەکان"),
        "QUESTION_NAME": ("ئەمە بۆ ناوی پرسیار ناشێت", "پیتی لاتینی و ژمارە و _ - . کە بە پیت دەست پێبکات"),
        "NAME_TWICE": ("ئەم ناوە دووبارەیە", "ناوێک بۆ هەر پرسیار و هەڵبژاردنێک دابنێ"),
        "LABEL": ("دەقی پرسیارەکە نییە", "دەقێک یان دەقێک بۆ هەر زمانێک بنووسە"),
        "LIST": ("لیستی هەڵبژاردنی وا نییە", "هەڵبژاردنەکانی لە پەڕەی choices بنووسە"),
        "CHOICE": ("ئەم هەڵبژاردنە لیستی نییە یان ناوەکەی بۆشایی تێدایە", "list_name و ناوێکی یەک وشەیی پێبدە"),
        "GROUP": ("گروپێک بە تەنیا دەست پێدەکات یان کۆتایی دێت", "بۆ هەر begin_group ـێک end_group دابنێ"),
        "EXPRESSION": ("ئەم مەرجە نەناسراوە", "پرسیار و ژمارە بە and، or، not، selected، + - * div بەراورد بکە"),
        "REFERENCE": ("مەرجەکە باسی پرسیارێک دەکات کە پێش خۆی نییە", "پرسیارێکی پێشتر ناو ببە"),
    },
}
FAULTS: Final = {language: {**FILE_FAULTS[language], **words} for language, words in OWN.items()}
"""By language (BCP 47) and code; what can be wrong with any file is said alike."""
