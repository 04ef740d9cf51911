"""Given names, surnames, and the several ways in which one name gets written.

The names are common ones of the country; who bears which is drawn at random. Spelling is varied as clerks vary it:
hamza left out, ta marbuta as ha, alif maqsura as ya, the two words of عبد الله run together, Kurdish letters
replaced by the nearest on an Arabic keyboard.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Names:
    """The stock of names of one language community."""

    language: str
    men: tuple[str, ...]
    women: tuple[str, ...]
    surnames: tuple[str, ...]


def _words(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.replace("\n", "،").split("،") if each.strip())


ARABIC = Names(
    language="ar",
    men=_words("""
        أحمد، محمد، علي، حسين، حسن، عباس، جعفر، كاظم، مصطفى، مرتضى، عبد الله، عبد الرحمن، عبد الكريم، عبد الحسين، عبد الزهرة
        عمر، عثمان، خالد، سعد، سعيد، إبراهيم، إسماعيل، يوسف، يونس، صالح، صباح، فلاح، رعد، وليد، ماجد، جاسم، قاسم، هاشم، كريم
        رحيم، سلمان، سليم، طارق، طه، ياسين، زيد، حيدر، منتظر، سجاد، باقر، صادق، رضا، مهدي، هادي، نوري، فاضل، فيصل، غازي، عادل
        عامر، عماد، أيمن، أنور، أكرم، أسعد، إياد، باسم، بشار، ثامر، جبار، جواد، حامد، حميد، خليل، داود، ذياب، رائد، زكي، شاكر
        ضياء، عدنان، غسان، فؤاد، قصي، لؤي، محمود، منذر، ناصر، نبيل، هيثم، وسام، ياسر، عبود، مزهر، ستار، كاطع، حنون، شهاب، مثنى
    """),
    women=_words("""
        فاطمة، زينب، مريم، خديجة، عائشة، آمنة، رقية، سكينة، زهراء، نور، نورة، هدى، منى، ليلى، سلمى، سعاد، سميرة، سهام، شيماء، شذى
        رنا، ريم، رؤى، رحمة، دعاء، دنيا، حنان، حنين، هناء، هند، إيمان، أسماء، آلاء، آيات، إسراء، بشرى، بتول، تبارك، تقى، ثريا
        جميلة، جنان، حليمة، حوراء، خولة، رابحة، رغد، زبيدة، ساجدة، سارة، صفاء، ضحى، طيبة، عبير، علياء، غفران، فرح، فاتن، كوثر، لمى
        لبنى، لقاء، ميسون، نادية، نجاة، نسرين، نضال، نهى، هاجر، هبة، وفاء، ياسمين، يسرى، صبيحة، فوزية، كريمة، مديحة، نعيمة، وجدان، أنوار
    """),
    surnames=_words("""
        الجبوري، العبيدي، الدليمي، الربيعي، الساعدي، الزبيدي، التميمي، الخزرجي، العزاوي، الشمري، الكعبي، اللامي، المالكي، الموسوي
        الحسيني، الياسري، الطائي، الجنابي، القيسي، العاني، السامرائي، التكريتي، الموصلي، البصري، النجفي، الحلي، الكوفي، الواسطي
        المحمداوي، البهادلي، الفتلاوي، الكناني، السوداني، العامري، الأسدي، الغزي، الركابي، الخفاجي، العكيلي، الدراجي، الفريجي، الشويلي
        المياحي، البياتي، النعيمي، الحمداني، الراوي، الهيتي، الكبيسي، المشهداني، القريشي، الأنصاري، السعدي، الخالدي، الزهيري، العتابي
    """),
)

SORANI = Names(
    language="ckb",
    men=_words("""
        ئازاد، ئارام، ئاکۆ، ئاسۆ، ئومێد، بەختیار، بڵند، بەرزان، دارا، دڵشاد، دیاری، هاوار، هێمن، هەڵۆ، هیوا، ژیار، کاروان، کامەران
        کاوە، لوقمان، نەوزاد، ڕێبین، ڕێبوار، ڕزگار، سامان، سەردار، سیروان، شوان، شاخەوان، شێرکۆ، سۆران، تاهیر، یادگار، زانا، پشتیوان، عوسمان
        ئەحمەد، حەسەن، عومەر، مەحموود، ئیبراهیم، ڕەشید، کەریم
    """),
    women=_words("""
        شیرین، نازدار، نەسرین، ئاڤان، بەهار، بێریڤان، چنار، چرۆ، دیلان، دڵنیا، فرمێسک، گوڵاڵە، گەلاوێژ، هانا، هێرۆ، ژیان، کەژاڵ، کوێستان
        لانە، میدیا، نیان، نیگار، پەیام، پەری، ڕۆژان، ڕووناک، سروە، شنۆ، شەونم، سۆزان، تارا، تەلار، ڤیان، زێڕین، هەتاو، ئامینە، خەدیجە
    """),
    surnames=_words("""
        جاف، شوانی، هەورامی، دزەیی، گەردی، سورچی، هەولێری، کۆیی، خۆشناو، شارەزووری، هەڵەبجەیی، پشدەری، سیوەیلی، باڵەکی، قەرەداغی
        مەریوانی، چەمچەماڵی، کەلاری، ڕواندزی، شەقڵاوەیی
    """),
)

BADINI = Names(
    language="kmr",
    men=_words("""
        ئازاد، ئەحمەد، بەرزان، دلۆڤان، دلشاد، هۆگر، هەڤاڵ، جوان، کاروان، کۆڤان، لەزگین، نێچیر، پەیمان، ڕێبەر، ڕەمەزان، سەربەست، شڤان
        شێروان، تەحسین، زێرەڤان، یوسف، عیسا، خالد، حسێن
    """),
    women=_words("""
        ئاڤاهی، بێریڤان، بەرفین، دلڤین، ئەڤین، گولستان، هەلز، هێڤی، ژینۆ، کەژال، مزگین، نالین، نارین، پەروین، ڕۆژین، سەلوا، شیلان، ڤیان
        زوزان
    """),
    surnames=_words("""
        دۆسکی، زێباری، سندی، بەرواری، گولی، مزووری، ئامێدی، دهۆکی، ئاکرەیی، زاخۆیی، شێخانی، نێروەیی
    """),
)

_SPELLINGS = (
    str.maketrans("أإآ", "ااا"),
    str.maketrans({"ة": "ه"}),
    str.maketrans({"ى": "ي"}),
    str.maketrans({"ؤ": "و", "ئ": "ي"}),
    str.maketrans("یکگێۆەڕڵڤ", "يككيوهرلف"),
)


def respelt(chance: Random, name: str) -> str:
    """Write a name as another clerk would; now and then the result is the name itself.

    The change is one of those people really make, so that a comparison which normalises letters
    finds most of them, and one that compares text finds none.
    """
    if name.startswith("عبد ") and chance.random() < 0.5:
        return "عبد" + name[4:]
    if name.startswith("ال") and len(name) > 4 and chance.random() < 0.2:
        return name[2:]
    start = chance.randrange(len(_SPELLINGS))
    for step in range(len(_SPELLINGS)):
        written = name.translate(_SPELLINGS[(start + step) % len(_SPELLINGS)])
        if written != name:
            return written
    return name.replace(" ", "  ") if " " in name else name
