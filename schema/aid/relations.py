"""What members of a household are to its head."""

from enum import Enum

import strawberry


@strawberry.enum(description="What a member is to the head of the household.")
class HouseholdRelation(Enum):
    """One of them is the head."""

    HEAD = strawberry.enum_value("head", description="Speaks for it.")
    SPOUSE = strawberry.enum_value("spouse", description="Husband or wife.")
    CHILD = strawberry.enum_value("child", description="Son or daughter.")
    PARENT = strawberry.enum_value("parent", description="Father or mother.")
    SIBLING = strawberry.enum_value("sibling", description="Brother or sister.")
    GRANDCHILD = strawberry.enum_value("grandchild", description="Grandson or granddaughter.")
    RELATIVE = strawberry.enum_value("relative", description="Another relative.")
    OTHER = strawberry.enum_value("other", description="Not related, or not known.")
