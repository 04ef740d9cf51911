"""The official register of associations, as the registry keeps it: numbers and names of organisations that may apply to the hub."""

from __future__ import annotations

ASSOCIATIONS = (
    ("1Z-2004/11", "عون الهلال"),
    ("1Z-2006/37", "إغاثة الرافدين"),
    ("1I-2010/05", "شبكة الأمل"),
    ("1I-2012/19", "كرامة لذوي الإعاقة"),
    ("2B-2014/02", "تعاونية البصرة للخياطة"),
    ("1I-2015/88", "جمعية شروق الخيرية"),
    ("3N-2019/41", "الفجر الجديد"),
    ("4S-2021/07", "مؤسسة نوروز للشباب"),
)
"""Number and name; the sixth and the last have not come to the hub yet."""
