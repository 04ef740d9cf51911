/* The wallet page: a key pair that never leaves this browser, and what its holder may ask and do with it.

   The private half is made non-extractable and kept as a handle in IndexedDB: no script can read it, this one included. The session's
   token lives in a variable and ends with the page. Everything shown comes by the operations below, and is set as text, never as HTML. */

const WORDS = {
  "ar": {
    "title": "محفظة الهوية",
    "language": "اللغة",
    "intro": "هنا تسجّل هوية معمّاة، وترى من اطّلع على بياناتك، وتسحب موافقاتك. المفتاح يُصنع في جهازك ولا يغادره.",
    "unable.title": "هذا المتصفح لا يكفي",
    "unable.text": "عذراً، لا يستطيع هذا المتصفح صنع مفتاح من نوع Ed25519 أو حفظه. حدّث المتصفح أو استخدم متصفحاً آخر، وتأكد أن عنوان الصفحة يبدأ بـ https وأنك لست في وضع التصفح الخاص. ويمكنك أيضاً أن تراجع منظمة قريبة منك.",
    "enrol.title": "التسجيل",
    "enrol.text": "تُقارن هذه البيانات بالسجل المدني مرة واحدة ولا تُحفظ هنا.",
    "enrol.act": "سجّل",
    "number": "رقم البطاقة الوطنية",
    "number.hint": "12 رقماً",
    "name": "الاسم",
    "name.hint": "اسمك واسم الأب والجد واللقب",
    "motherName": "اسم الأم واسم أبيها",
    "birthYear": "سنة الميلاد",
    "device": "اسم لهذا الجهاز",
    "device.hint": "مثل: هاتفي",
    "waiting.title": "طلب التسجيل",
    "waiting.look": "تحقق من حالة الطلب",
    "waiting.complete": "أكمل التسجيل",
    "waiting.again": "قدّم الطلب من جديد",
    "waiting.until": "يمكنك محاولة إكماله من",
    "status.APPLIED": "لم يجب السجل. قدّم الطلب من جديد لاحقاً.",
    "status.VERIFIED": "تم التسجيل. يمكنك الآن الدخول.",
    "status.NEEDS_REVIEW": "لم يكتمل التحقق. انتظر الموعد المذكور، أو راجع منظمة ومعك أوراقك.",
    "status.REFUSED": "رُفض الطلب. راجع منظمة ومعك أوراقك.",
    "signin.title": "الدخول",
    "signin.text": "في هذا المتصفح مفتاح لهويتك. الدخول يوقّع رمز تحدٍّ به.",
    "signin.act": "ادخل",
    "signin.done": "أنت الآن داخل محفظتك.",
    "signout.act": "اخرج",
    "signout.done": "خرجت.",
    "ended": "انتهت الجلسة. ادخل من جديد.",
    "forget.act": "انسَ هذا المفتاح",
    "forget.sure": "سيُمحى المفتاح من هذا المتصفح ولا يمكن استرجاعه. إن لم يكن لك جهاز آخر فعليك التسجيل من جديد. هل أنت متأكد؟",
    "forget.done": "مُحي المفتاح من هذا المتصفح.",
    "looks.title": "من اطّلع على بياناتك",
    "looks.text": "الأحدث أولاً. كل اطّلاع يُسجَّل قبل أن تخرج البيانات.",
    "looks.none": "لم يطّلع أحد بعد.",
    "looks.more": "المزيد",
    "consents.title": "موافقاتك",
    "consents.none": "لم تعطِ أي موافقة.",
    "consents.withdraw": "اسحب الموافقة",
    "consents.sure": "لن ترى هذه الجهة بعد الآن ما سمحت به لهذا الغرض. هل تسحب موافقتك؟",
    "consents.withdrawn": "سُحبت الموافقة.",
    "remove.title": "هذا الجهاز",
    "remove.text": "إذا أزلته فلن يُقبل مفتاحه بعد ذلك أبداً.",
    "remove.act": "أزل هذا الجهاز",
    "remove.sure": "لن تستطيع الدخول من هذا المتصفح بعد ذلك. هل تزيل هذا الجهاز؟",
    "remove.done": "أُزيل الجهاز ومُحي مفتاحه.",
    "remove.last": "هذا آخر جهاز لهويتك فلا يُزال. أضف جهازاً آخر أولاً.",
    "yes": "نعم",
    "no": "لا",
    "at": "متى",
    "who": "الجهة",
    "role": "الصفة",
    "purpose": "الغرض",
    "categories": "ما شوهد",
    "opens": "ما تسمح به",
    "manner": "كيف",
    "granted": "أُعطيت",
    "ends": "تنتهي",
    "withdrawn": "سُحبت",
    "nobody": "لا جهة",
    "wait": "لحظة من فضلك…",
    "error.INVALID": "لا يمكن قراءة ما كُتب هنا. صحّحه من فضلك.",
    "error.CONFLICT": "لا يمكن ذلك الآن: لهذا المفتاح أو الطلب حالة أخرى.",
    "error.LIMIT_REACHED": "محاولات كثيرة. حاول لاحقاً.",
    "error.UNAUTHENTICATED": "لم يُقبل المفتاح. ربما أُزيل هذا الجهاز أو لم يُقبل تسجيله بعد.",
    "error.NOT_PERMITTED": "هذه البوابة لا تسجّل الأشخاص.",
    "error.other": "لم ينجح ذلك. حاول لاحقاً.",
    "error.network": "لا يمكن الوصول إلى البوابة. تحقق من اتصالك وحاول من جديد.",
    "purpose.aid_distribution": "توزيع المساعدات",
    "purpose.social_security": "الضمان الاجتماعي",
    "purpose.case_management": "متابعة الحالة",
    "purpose.oversight": "الرقابة",
    "purpose.statistics": "الإحصاء",
    "purpose.organisation_governance": "إدارة المنظمات",
    "purpose.self_access": "اطّلاع الشخص على بياناته",
    "purpose.identity_verification": "التحقق من الهوية",
    "purpose.open_data": "البيانات المفتوحة",
    "role.public": "أي شخص",
    "role.person": "الشخص نفسه",
    "role.guardian": "وليّ أو وصيّ",
    "role.registrar": "مكتب التسجيل",
    "role.caseworker": "موظف متابعة",
    "role.analyst": "محلل",
    "role.inspector": "مفتش",
    "role.developer": "تطبيق",
    "role.manager": "مدير",
    "role.reviewer": "مراجع",
    "role.auditor": "مدقق",
    "role.accreditor": "موظف اعتماد",
    "category.name": "الاسم",
    "category.contact": "الهاتف",
    "category.birth": "تاريخ الميلاد",
    "category.place": "المكان",
    "category.family": "الأسرة",
    "category.health": "الصحة والإعاقة",
    "category.need": "الحاجة والسكن",
    "category.assistance": "المساعدات",
    "category.insurance": "الضمان",
    "category.income": "الأجر",
    "category.identifiers": "أرقام الأوراق",
    "manner.ORDINARY": "استعلام عادي",
    "manner.OWN": "أنت نفسك",
    "manner.BY_GUARDIAN": "من ينوب عنك",
    "manner.BREAK_GLASS": "فتح طارئ"
  },
  "ckb": {
    "title": "جزدانی ناسنامە",
    "language": "زمان",
    "intro": "لێرە ناسنامەیەکی شاراوە تۆمار دەکەیت، دەبینیت کێ سەیری داتاکانتی کردووە، و ڕەزامەندییەکانت دەکێشیتەوە. کلیلەکە لە ئامێرەکەتدا دروست دەکرێت و لێی دەرناچێت.",
    "unable.title": "ئەم وێبگەڕە بەس نییە",
    "unable.text": "ببوورە، ئەم وێبگەڕە ناتوانێت کلیلی Ed25519 دروست بکات یان هەڵیبگرێت. وێبگەڕەکە نوێ بکەرەوە یان یەکێکی تر بەکار بهێنە، و دڵنیا بە کە ناونیشانی پەڕەکە بە https دەست پێ دەکات و لە دۆخی تایبەتدا نیت. هەروەها دەتوانیت سەردانی ڕێکخراوێکی نزیک بکەیت.",
    "enrol.title": "تۆمارکردن",
    "enrol.text": "ئەم زانیارییانە یەک جار لەگەڵ تۆماری شارستانی بەراورد دەکرێن و لێرە هەڵناگیرێن.",
    "enrol.act": "تۆمار بکە",
    "number": "ژمارەی کارتی نیشتمانی",
    "number.hint": "12 ژمارە",
    "name": "ناو",
    "name.hint": "ناوی خۆت و باوک و باپیر و نازناو",
    "motherName": "ناوی دایک و ناوی باوکی",
    "birthYear": "ساڵی لەدایکبوون",
    "device": "ناوێک بۆ ئەم ئامێرە",
    "device.hint": "وەک: تەلەفۆنەکەم",
    "waiting.title": "داوای تۆمارکردن",
    "waiting.look": "دۆخی داواکە ببینە",
    "waiting.complete": "تۆمارکردن تەواو بکە",
    "waiting.again": "دووبارە داوا بکە",
    "waiting.until": "دەتوانیت هەوڵی تەواوکردنی بدەیت لە",
    "status.APPLIED": "تۆمارەکە وەڵامی نەدایەوە. دواتر دووبارە داوا بکە.",
    "status.VERIFIED": "تۆمار کرایت. ئێستا دەتوانیت بچیتە ژوورەوە.",
    "status.NEEDS_REVIEW": "پشتڕاستکردنەوە تەواو نەبوو. چاوەڕێی ئەو کاتە بکە، یان بە بەڵگەنامەکانتەوە سەردانی ڕێکخراوێک بکە.",
    "status.REFUSED": "داواکە ڕەت کرایەوە. بە بەڵگەنامەکانتەوە سەردانی ڕێکخراوێک بکە.",
    "signin.title": "چوونەژوورەوە",
    "signin.text": "لەم وێبگەڕەدا کلیلێکی ناسنامەکەت هەیە. بۆ چوونەژوورەوە کۆدێکی پشتڕاستکردنەوەی پێ واژۆ دەکرێت.",
    "signin.act": "بچۆ ژوورەوە",
    "signin.done": "ئێستا لە جزدانەکەتدایت.",
    "signout.act": "بچۆ دەرەوە",
    "signout.done": "چوویتە دەرەوە.",
    "ended": "دانیشتنەکە کۆتایی هات. دووبارە بچۆ ژوورەوە.",
    "forget.act": "ئەم کلیلە لەبیر بکە",
    "forget.sure": "کلیلەکە لەم وێبگەڕە دەسڕێتەوە و ناگەڕێتەوە. ئەگەر ئامێرێکی ترت نەبێت دەبێت دووبارە خۆت تۆمار بکەیت. دڵنیایت؟",
    "forget.done": "کلیلەکە لەم وێبگەڕە سڕایەوە.",
    "looks.title": "کێ سەیری داتاکانتی کردووە",
    "looks.text": "نوێترین لە سەرەتادا. هەر سەیرکردنێک پێش دەرچوونی داتا تۆمار دەکرێت.",
    "looks.none": "هێشتا کەس سەیری نەکردووە.",
    "looks.more": "زیاتر",
    "consents.title": "ڕەزامەندییەکانت",
    "consents.none": "هیچ ڕەزامەندییەکت نەداوە.",
    "consents.withdraw": "ڕەزامەندی بکێشەرەوە",
    "consents.sure": "ئەم لایەنە لەمەودوا ئەوە نابینێت کە بۆ ئەم مەبەستە ڕێت پێدابوو. ڕەزامەندییەکەت دەکێشیتەوە؟",
    "consents.withdrawn": "ڕەزامەندییەکە کێشرایەوە.",
    "remove.title": "ئەم ئامێرە",
    "remove.text": "ئەگەر لایببەیت، کلیلەکەی هەرگیز وەرناگیرێتەوە.",
    "remove.act": "ئەم ئامێرە لاببە",
    "remove.sure": "دوای ئەوە ناتوانیت لەم وێبگەڕەوە بچیتە ژوورەوە. ئەم ئامێرە لادەبەیت؟",
    "remove.done": "ئامێرەکە لابرا و کلیلەکەی سڕایەوە.",
    "remove.last": "ئەمە دوا ئامێری ناسنامەکەتە و لانابرێت. سەرەتا ئامێرێکی تر زیاد بکە.",
    "yes": "بەڵێ",
    "no": "نەخێر",
    "at": "کەی",
    "who": "لایەن",
    "role": "ڕۆڵ",
    "purpose": "مەبەست",
    "categories": "چی بینراوە",
    "opens": "ڕێ بە چی دەدات",
    "manner": "چۆن",
    "granted": "دراوە لە",
    "ends": "کۆتایی دێت لە",
    "withdrawn": "کێشراوەتەوە لە",
    "nobody": "هیچ لایەنێک",
    "wait": "تکایە چاوەڕێ بکە…",
    "error.INVALID": "ئەوەی لێرە نووسراوە ناخوێنرێتەوە. تکایە ڕاستی بکەرەوە.",
    "error.CONFLICT": "ئێستا ناکرێت: ئەم کلیلە یان داوایە دۆخێکی تری هەیە.",
    "error.LIMIT_REACHED": "هەوڵەکان زۆر بوون. دواتر هەوڵ بدەرەوە.",
    "error.UNAUTHENTICATED": "کلیلەکە وەرنەگیرا. لەوانەیە ئەم ئامێرە لابرابێت یان هێشتا تۆمار نەکرابێت.",
    "error.NOT_PERMITTED": "ئەم دەروازەیە کەس تۆمار ناکات.",
    "error.other": "سەرکەوتوو نەبوو. دواتر هەوڵ بدەرەوە.",
    "error.network": "ناگەینە دەروازەکە. پەیوەندییەکەت بپشکنە و هەوڵ بدەرەوە.",
    "purpose.aid_distribution": "دابەشکردنی یارمەتی",
    "purpose.social_security": "دەستەبەری کۆمەڵایەتی",
    "purpose.case_management": "بەدواداچوونی دۆخ",
    "purpose.oversight": "چاودێری",
    "purpose.statistics": "ئامار",
    "purpose.organisation_governance": "بەڕێوەبردنی ڕێکخراوەکان",
    "purpose.self_access": "سەیرکردنی داتای خۆ",
    "purpose.identity_verification": "پشتڕاستکردنەوەی ناسنامە",
    "purpose.open_data": "داتای کراوە",
    "role.public": "هەر کەسێک",
    "role.person": "کەسەکە خۆی",
    "role.guardian": "سەرپەرشتیار",
    "role.registrar": "نووسینگەی تۆمارکردن",
    "role.caseworker": "کارمەندی بەدواداچوون",
    "role.analyst": "شیکەرەوە",
    "role.inspector": "پشکنەر",
    "role.developer": "بەرنامە",
    "role.manager": "بەڕێوەبەر",
    "role.reviewer": "پێداچوونەوەکار",
    "role.auditor": "وردبین",
    "role.accreditor": "کارمەندی متمانەپێدان",
    "category.name": "ناو",
    "category.contact": "تەلەفۆن",
    "category.birth": "لەدایکبوون",
    "category.place": "شوێن",
    "category.family": "خێزان",
    "category.health": "تەندروستی و کەمئەندامی",
    "category.need": "پێداویستی و خانوو",
    "category.assistance": "یارمەتی",
    "category.insurance": "بیمە",
    "category.income": "کرێ",
    "category.identifiers": "ژمارەی بەڵگەنامەکان",
    "manner.ORDINARY": "پرسیاری ئاسایی",
    "manner.OWN": "خۆت",
    "manner.BY_GUARDIAN": "سەرپەرشتیارەکەت",
    "manner.BREAK_GLASS": "کردنەوەی فریاگوزاری"
  },
  "en": {
    "title": "Identity wallet",
    "language": "Language",
    "intro": "Here you enrol for a blinded identity, see who looked at your data, and take consents back. The key is made on your device and never leaves it.",
    "unable.title": "This browser cannot do it",
    "unable.text": "We are sorry: this browser cannot make an Ed25519 key, or cannot keep one. Update it or use another, and see that the page's address begins with https and that you are not browsing privately. You can also go to an organisation near you.",
    "enrol.title": "Enrol",
    "enrol.text": "What you write is compared with the civil registry once, and is not kept here.",
    "enrol.act": "Enrol",
    "number": "Number of the national card",
    "number.hint": "12 digits",
    "name": "Name",
    "name.hint": "Your own name, your father's, your grandfather's and your surname",
    "motherName": "Your mother's name and her father's",
    "birthYear": "Year of birth",
    "device": "A name for this device",
    "device.hint": "As: my phone",
    "waiting.title": "Your application",
    "waiting.look": "See how it stands",
    "waiting.complete": "Complete it",
    "waiting.again": "Apply again",
    "waiting.until": "You may try to complete it from",
    "status.APPLIED": "The registry did not answer. Apply again later.",
    "status.VERIFIED": "You are enrolled, and may sign in.",
    "status.NEEDS_REVIEW": "It could not be verified yet. Wait until the time named, or go to an organisation with your papers.",
    "status.REFUSED": "The application was refused. Go to an organisation with your papers.",
    "signin.title": "Sign in",
    "signin.text": "This browser keeps a key of your identity. Signing in signs a challenge with it.",
    "signin.act": "Sign in",
    "signin.done": "You are signed in.",
    "signout.act": "Sign out",
    "signout.done": "You are signed out.",
    "ended": "The session has ended. Sign in again.",
    "forget.act": "Forget this key",
    "forget.sure": "The key is erased from this browser and cannot be brought back. Without another device you will have to enrol again. Are you sure?",
    "forget.done": "The key was erased from this browser.",
    "looks.title": "Who looked at your data",
    "looks.text": "Newest first. Every look is recorded before the data leaves.",
    "looks.none": "Nobody has looked yet.",
    "looks.more": "More",
    "consents.title": "Your consents",
    "consents.none": "You gave no consent.",
    "consents.withdraw": "Take it back",
    "consents.sure": "From now on this receiver will not see what you allowed for this purpose. Take the consent back?",
    "consents.withdrawn": "The consent was taken back.",
    "remove.title": "This device",
    "remove.text": "Once removed, its key is never accepted again.",
    "remove.act": "Remove this device",
    "remove.sure": "You will not be able to sign in from this browser. Remove this device?",
    "remove.done": "The device was removed, and its key erased.",
    "remove.last": "This is the last device of your identity and stays. Add another first.",
    "yes": "Yes",
    "no": "No",
    "at": "When",
    "who": "Who",
    "role": "As",
    "purpose": "Why",
    "categories": "What was seen",
    "opens": "What it opens",
    "manner": "How",
    "granted": "Given",
    "ends": "Ends",
    "withdrawn": "Taken back",
    "nobody": "No organisation",
    "wait": "One moment…",
    "error.INVALID": "What is written here cannot be read. Please correct it.",
    "error.CONFLICT": "That is not possible now: this key or application stands otherwise.",
    "error.LIMIT_REACHED": "That was tried too often. Try again later.",
    "error.UNAUTHENTICATED": "The key was not accepted. This device may have been removed, or is not enrolled yet.",
    "error.NOT_PERMITTED": "This hub does not enrol people.",
    "error.other": "That did not work. Try again later.",
    "error.network": "The hub cannot be reached. Look at your connection and try again.",
    "purpose.aid_distribution": "Distributing assistance",
    "purpose.social_security": "Social security",
    "purpose.case_management": "Looking after a case",
    "purpose.oversight": "Oversight",
    "purpose.statistics": "Statistics",
    "purpose.organisation_governance": "Governing organisations",
    "purpose.self_access": "Reading about oneself",
    "purpose.identity_verification": "Verifying an identity",
    "purpose.open_data": "Open data",
    "role.public": "Anyone",
    "role.person": "The person",
    "role.guardian": "Guardian",
    "role.registrar": "Enrolment office",
    "role.caseworker": "Caseworker",
    "role.analyst": "Analyst",
    "role.inspector": "Inspector",
    "role.developer": "App",
    "role.manager": "Manager",
    "role.reviewer": "Reviewer",
    "role.auditor": "Auditor",
    "role.accreditor": "Accreditor",
    "category.name": "Name",
    "category.contact": "Telephone",
    "category.birth": "Birth",
    "category.place": "Place",
    "category.family": "Family",
    "category.health": "Health and disability",
    "category.need": "Need and dwelling",
    "category.assistance": "Assistance",
    "category.insurance": "Insurance",
    "category.income": "Wage",
    "category.identifiers": "Numbers of papers",
    "manner.ORDINARY": "An ordinary enquiry",
    "manner.OWN": "You yourself",
    "manner.BY_GUARDIAN": "Who acts for you",
    "manner.BREAK_GLASS": "An emergency opening"
  }
};

const REFUSAL = "... on Refusal { code field }";
const OPERATIONS = {
  challenge: "query Challenge { challenge { challenge } }",
  enrolmentApply: `mutation Apply($input: EnrolmentApplyInput!) { enrolmentApply(input: $input) { ... on EnrolmentApplied { enrolment { id status readyAt } } ${REFUSAL} } }`,
  enrolmentComplete: `mutation Complete($input: EnrolmentCompleteInput!) { enrolmentComplete(input: $input) { ... on EnrolmentApplied { enrolment { id status readyAt } } ${REFUSAL} } }`,
  enrolment: "query Enrolment($id: ID!) { enrolment(id: $id) { id status readyAt } }",
  sessionOpen: `mutation SignIn($input: SessionOpenInput!) { sessionOpen(input: $input) { ... on SessionOpened { token endsAt device } ${REFUSAL} } }`,
  sessionClose: `mutation SignOut { sessionClose { ... on SessionClosed { endedAt } ${REFUSAL} } }`,
  deviceRemove: `mutation Remove($input: DeviceRemoveInput!) { deviceRemove(input: $input) { ... on DevicesChanged { devices { id } } ${REFUSAL} } }`,
  consentWithdraw: `mutation Withdraw($input: ConsentWithdrawInput!) { consentWithdraw(input: $input) { ... on ConsentWithdrawn { consent { id } } ${REFUSAL} } }`,
  organisations: "query Names { organisations { id name ar: named(language: AR) ckb: named(language: CKB) en: named(language: EN) } }",
  disclosures: "query Looks($before: ID) { me { person { disclosures(first: 20, before: $before) { id at organisation role purpose categories manner } } } }",
  consents: "query Consents { me { person { consents { id receiver purpose categories grantedAt endsAt withdrawnAt } } } }",
};
const PAGE = 20;

const at = (id) => document.getElementById(id);
let language = "ar";
let token = null, device = null, ending = null;
let kept = null;
let looks = [], consents = [], names = {}, further = false;
let saying = ["said", null];

class Refused extends Error {
  constructor(code, field = null) { super(code); this.code = code; this.field = field; }
}

// --- words --------------------------------------------------------------------------------------------------------------

const word = (key) => WORDS[language][key] ?? key.slice(key.indexOf(".") + 1);
const listed = (kind, codes) => codes.map((each) => word(`${kind}.${each.toLowerCase()}`)).join(language === "en" ? ", " : "، ");
const named = (id) => (id === null ? word("nobody") : names[id]?.[language] ?? names[id]?.name ?? id);
const LOCALES = { ar: "ar-IQ", ckb: "ckb-IQ", en: "en-GB" };
const when = (instant) => new Intl.DateTimeFormat(LOCALES[language], { dateStyle: "medium", timeStyle: "short", calendar: "gregory" }).format(new Date(instant));

function speak(chosen) {
  language = chosen in WORDS ? chosen : "ar";
  document.documentElement.lang = language;
  document.documentElement.dir = language === "en" ? "ltr" : "rtl";
  document.title = word("title");
  at("language").value = language;
  for (const each of document.querySelectorAll("[data-word]")) each.textContent = word(each.dataset.word);
  say(...saying);
  draw();
}

function say(where, key) {
  saying = [where, key];
  for (const id of ["said", "warned"]) at(id).textContent = id === where && key ? word(key) : "";
}

// --- the key --------------------------------------------------------------------------------------------------------------

const settled = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

async function store(mode, act) {
  const opening = indexedDB.open("mizalla-wallet", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("own");
  const database = await settled(opening);
  try {
    const writing = database.transaction("own", mode);
    const done = new Promise((resolve, reject) => { writing.oncomplete = resolve; writing.onabort = () => reject(writing.error); });
    const found = await settled(act(writing.objectStore("own")));
    await done;
    return found;
  } finally {
    database.close();
  }
}

const recall = () => store("readonly", (own) => own.get("device"));

async function keep(change) {
  kept = change && { ...kept, ...change };
  await store("readwrite", (own) => (kept ? own.put(kept, "device") : own.delete("device")));
}

const made = () => crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]);
const text64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

async function proof(act, about = "") {
  const { challenge } = (await ask("challenge")).challenge;
  const signed = new TextEncoder().encode(["mizalla wallet 1", act, location.origin, challenge, about].join("\n"));
  const signature = text64(await crypto.subtle.sign("Ed25519", kept.keys.privateKey, signed));
  const publicKey = text64(await crypto.subtle.exportKey("raw", kept.keys.publicKey));
  return { publicKey, origin: location.origin, challenge, signature };
}

// --- asking --------------------------------------------------------------------------------------------------------------

async function ask(name, variables = {}) {
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const body = JSON.stringify({ query: OPERATIONS[name], variables });
  let status, answer;
  try {
    const given = await fetch("graphql", { method: "POST", headers, body, credentials: "omit", cache: "no-store", redirect: "error" });
    status = given.status;
    answer = await given.json();
  } catch {
    throw new Refused("network");
  }
  if (status === 401 && token) { leave(); throw new Refused("ended"); }
  if (!answer.data) throw new Refused(answer.errors?.[0]?.extensions?.code ?? "other");
  return answer.data;
}

async function change(name, input) {
  const changed = (await ask(name, input && { input }))[name];
  if (changed.code) throw new Refused(changed.code, changed.field);
  return changed;
}

// --- acts --------------------------------------------------------------------------------------------------------------

async function enrol() {
  const fields = ["number", "name", "motherName", "birthYear", "device"];
  for (const each of fields) at(each).removeAttribute("aria-invalid");
  const empty = fields.find((each) => !at(each).value.trim());
  if (empty) throw new Refused("INVALID", empty);
  const birthYear = Number(at("birthYear").value.trim().replace(/[٠-٩۰-۹]/g, (digit) => digit.charCodeAt(0) % 16));
  if (!Number.isInteger(birthYear)) throw new Refused("INVALID", "birthYear");
  if (!kept) await keep({ keys: await made() });
  navigator.storage?.persist?.().catch(() => {});
  const particulars = { scheme: "NATIONAL_NUMBER", number: at("number").value, name: at("name").value, motherName: at("motherName").value, birthYear };
  const given = { particulars, device: at("device").value, proof: await proof("enrolment.apply") };
  const { enrolment } = await change("enrolmentApply", given).catch(async (refused) => {
    if (refused.code === "CONFLICT") await keep(null); // the key is spent; the next try makes another
    throw refused;
  });
  at("enrol").reset();
  await stands(enrolment);
}

async function stands(enrolment) {
  await keep({ enrolment });
  say("said", `status.${enrolment.status}`);
  draw(true);
}

async function lookAgain() {
  const { enrolment } = await ask("enrolment", { id: kept.enrolment.id });
  await stands(enrolment ?? { ...kept.enrolment, status: "REFUSED", readyAt: null });
}

async function complete() {
  const { id } = kept.enrolment;
  await stands((await change("enrolmentComplete", { id, proof: await proof("enrolment.complete", id) })).enrolment);
}

async function signIn() {
  const opened = await change("sessionOpen", { proof: await proof("session.open") });
  token = opened.token;
  device = opened.device;
  ending = setTimeout(() => { leave(); say("warned", "ended"); }, Math.max(0, Date.parse(opened.endsAt) - Date.now()));
  names = Object.fromEntries((await ask("organisations")).organisations.map((each) => [each.id, each]));
  looks = [];
  await moreLooks();
  consents = (await ask("consents")).me.person.consents ?? [];
  say("said", "signin.done");
  draw(true);
}

async function moreLooks() {
  const found = (await ask("disclosures", { before: looks.at(-1)?.id ?? null })).me.person.disclosures ?? [];
  further = found.length === PAGE;
  looks.push(...found);
  draw();
}

function leave() {
  clearTimeout(ending);
  token = device = null;
  looks = consents = [];
  draw(true);
}

async function signOut() {
  await change("sessionClose").catch(() => {});
  leave();
  say("said", "signout.done");
}

async function withdraw(id) {
  if (!(await sure("consents.sure"))) return;
  await change("consentWithdraw", { id });
  consents = (await ask("consents")).me.person.consents ?? [];
  say("said", "consents.withdrawn");
  draw();
  at("consents-title").focus();
}

async function remove() {
  if (!(await sure("remove.sure"))) return;
  try {
    await change("deviceRemove", { id: device });
  } catch (refused) {
    throw refused.code === "CONFLICT" ? new Refused("last") : refused;
  }
  await keep(null);
  leave();
  say("said", "remove.done");
}

async function forget() {
  if (!(await sure("forget.sure"))) return;
  await keep(null);
  say("said", "forget.done");
  draw(true);
}

async function applyAgain() {
  await keep({ enrolment: null });
  say("said", null);
  draw(true);
}

// --- showing --------------------------------------------------------------------------------------------------------------

function sure(key) {
  at("sure-text").textContent = word(key);
  const dialog = at("sure");
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}

function card(rows, button) {
  const item = document.createElement("li"), list = item.appendChild(document.createElement("dl"));
  for (const [key, value] of rows) {
    list.appendChild(document.createElement("dt")).textContent = word(key);
    list.appendChild(document.createElement("dd")).textContent = value;
  }
  if (button) item.append(button);
  return item;
}

function fill(id, cards, none) {
  if (!cards.length) cards = [document.createElement("li")], (cards[0].textContent = word(none));
  at(id).replaceChildren(...cards);
}

function lookCard(look) {
  return card([
    ["at", when(look.at)], ["who", named(look.organisation)], ["role", word(`role.${look.role}`)],
    ["purpose", word(`purpose.${look.purpose}`)], ["categories", listed("category", look.categories)], ["manner", word(`manner.${look.manner}`)],
  ]);
}

function consentCard(consent) {
  const rows = [
    ["who", named(consent.receiver)], ["purpose", word(`purpose.${consent.purpose.toLowerCase()}`)],
    ["opens", listed("category", consent.categories)], ["granted", when(consent.grantedAt)], ["ends", when(consent.endsAt)],
  ];
  if (consent.withdrawnAt) return card([...rows, ["withdrawn", when(consent.withdrawnAt)]]);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "grave";
  button.textContent = word("consents.withdraw");
  button.setAttribute("aria-label", `${word("consents.withdraw")}: ${named(consent.receiver)}, ${listed("category", consent.categories)}`);
  button.addEventListener("click", () => run(button, () => withdraw(consent.id)));
  return card(rows, button);
}

let able = null;

function draw(moved = false) {
  if (able === null) return;
  const waits = kept?.enrolment && kept.enrolment.status !== "VERIFIED";
  const shown = !able ? "unable" : token ? "open" : !kept?.enrolment ? "enrolling" : waits ? "waiting" : "closed";
  for (const id of ["unable", "enrolling", "waiting", "closed", "open"]) at(id).hidden = id !== shown;
  if (waits) {
    const { status, readyAt } = kept.enrolment;
    at("waiting-status").textContent = word(`status.${status}`);
    at("waiting-until").textContent = readyAt ? `${word("waiting.until")} ${when(readyAt)}` : "";
    at("complete").hidden = !readyAt || Date.parse(readyAt) > Date.now();
  }
  fill("looks", looks.map(lookCard), "looks.none");
  fill("consents", consents.map(consentCard), "consents.none");
  at("more").hidden = !further;
  if (moved) at(shown).querySelector("h2").focus();
}

async function run(button, act) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  say("said", "wait");
  try {
    await act();
    if (saying[1] === "wait") say("said", null);
  } catch (failed) {
    const code = failed instanceof Refused ? failed.code : "other";
    say("warned", { ended: "ended", last: "remove.last" }[code] ?? (`error.${code}` in WORDS.en ? `error.${code}` : "error.other"));
    const field = failed.field && at(failed.field);
    if (field instanceof HTMLInputElement) { field.setAttribute("aria-invalid", "true"); field.focus(); }
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

// --- beginning --------------------------------------------------------------------------------------------------------------

const ACTS = {
  "look-again": lookAgain, complete, "apply-again": applyAgain, "sign-in": signIn, forget, "sign-out": signOut, more: moreLooks, remove,
};
for (const [id, act] of Object.entries(ACTS)) at(id).addEventListener("click", () => run(at(id), act));
at("enrol").addEventListener("submit", (event) => { event.preventDefault(); run(event.submitter ?? at("enrol"), enrol); });
for (const answer of ["yes", "no"]) at(`sure-${answer}`).addEventListener("click", () => at("sure").close(answer));
at("language").addEventListener("change", (event) => { localStorage.setItem("mizalla-language", event.target.value); speak(event.target.value); });

let chosen = "ar";
try {
  chosen = localStorage.getItem("mizalla-language") ?? "ar";
  kept = (await recall()) ?? null;
  await made();
  able = true;
} catch {
  able = false;
}
speak(chosen);
