"""Aid's tables: cases and allocations, which the `hub` source reads, households, and the books of what is given."""

from __future__ import annotations

from tables.aid.books import account, entry, posting, programme, voucher
from tables.aid.cases import allocation, case_file
from tables.aid.census import census, census_cell, need_alert, whereabouts
from tables.aid.households import carried, household_file, membership, residence
from tables.aid.particulars import case_block, case_merge, case_merge_row, case_particulars
from tables.aid.questionnaires import questionnaire
from tables.aid.queue import RECOUNT, assessment, nomination, queue_policy, receipt, refreshing
from tables.aid.services import appeal, collection
from tables.aid.suggestions import suggestion_model
from tables.aid.uploads import cases_upload, cases_upload_part

__all__ = [
    "RECOUNT",
    "account",
    "allocation",
    "appeal",
    "assessment",
    "carried",
    "case_block",
    "case_file",
    "case_merge",
    "case_merge_row",
    "case_particulars",
    "cases_upload",
    "cases_upload_part",
    "census",
    "census_cell",
    "collection",
    "entry",
    "household_file",
    "membership",
    "need_alert",
    "nomination",
    "posting",
    "programme",
    "questionnaire",
    "queue_policy",
    "receipt",
    "refreshing",
    "residence",
    "suggestion_model",
    "voucher",
    "whereabouts",
]
