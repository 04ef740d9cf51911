"""Aid's tables: cases and allocations, which the `hub` source reads, and the books of what is given."""

from __future__ import annotations

from tables.aid.books import account, entry, posting, programme, voucher
from tables.aid.cases import allocation, case_file

__all__ = ["account", "allocation", "case_file", "entry", "posting", "programme", "voucher"]
