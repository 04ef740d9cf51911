"""Needs: assessed by questionnaires, overridden with a reason, counted by rules that an organisation adopts."""

from enum import Enum
from typing import Annotated

import strawberry

from resolvers.hub import Hub
from schema.access import Amount, Code, Day, Instant, plain
from schema.roots import mutation, query
from values import Enquiry, Level


@strawberry.enum(description="What a person may need, after SP-DCI benefit_type.")
class Need(Enum):
    """The kinds of aid there are."""

    CASH = strawberry.enum_value("cash", description="Money.")
    FOOD = strawberry.enum_value("food", description="Food.")
    SHELTER = strawberry.enum_value("shelter", description="A place to live, or its repair.")
    HEALTH = strawberry.enum_value("health", description="Health care.")
    EDUCATION = strawberry.enum_value("education", description="Education.")
    PROTECTION = strawberry.enum_value("protection", description="Protection.")
    ASSISTIVE_DEVICE = strawberry.enum_value("assistive_device", description="A wheelchair, a hearing aid and the like.")
    HYGIENE = strawberry.enum_value("hygiene", description="Hygiene goods.")


@plain(Level.PARTNER, "A need as the asker's organisation assessed it.")
class Assessment:
    """The answers themselves are sealed."""

    id: strawberry.ID = strawberry.field(description="This assessment for this requester only.")
    need: Code = strawberry.field(description="The need that was assessed.")
    points: float = strawberry.field(description="Need by the score set. Unit: points, 0 to 100.")
    assessed_on: Day = strawberry.field(description="The day of the assessment.")
    version: int = strawberry.field(description="The version of the rules it was counted by.")
    disability: bool | None = strawberry.field(
        description="Whether the person has a disability by the Washington Group cut-off, where the six questions were answered."
    )


@plain(Level.PARTNER, "An override in the own queue, with its reason.")
class QueueOverride:
    """Reported to everybody who may read the queue."""

    person: strawberry.ID = strawberry.field(description="Whose place was moved.")
    need: Code = strawberry.field(description="In the queue of which need.")
    at: Instant = strawberry.field(description="When.")
    role: Code = strawberry.field(description="The role of whoever did it.")
    lift: int = strawberry.field(description="How often the priority was doubled, or with a minus halved.")
    reason: str = strawberry.field(description="Why.")


@plain(Level.PARTNER, "One part of a score set.")
class ScorePart:
    """Points are the weighted mean of its parts."""

    code: Code = strawberry.field(description="The question, or the name of the part.")
    method: Code = strawberry.field(description="scale, wg (Washington Group short set) or pmt (proxy means test with regional variants).")
    weight: float = strawberry.field(description="How much it weighs among the parts.")


@plain(Level.PARTNER, "The rules of a queue: a signed version that never changes.")
class QueueRules:
    """What a queue is ordered by."""

    need: Code = strawberry.field(description="The need.")
    version: int = strawberry.field(description="Counted from 1.")
    active: bool = strawberry.field(description="Whether the queue is ordered by them now.")
    adopted_at: Instant = strawberry.field(description="When they were adopted.")
    half_life_days: float = strawberry.field(description="After so long a gift counts half, and waiting counts double. Unit: days.")
    emphasis: float = strawberry.field(
        description="The power by which points of need count: 0 is turns for all alike, 1 points as they are; more favours the worst off."
    )
    reference: float = strawberry.field(description="What covers one equivalent person once. Unit: Iraqi dinars.")
    shared: bool = strawberry.field(description="Whether what one member of a household received counts for all.")
    parts: list[ScorePart] = strawberry.field(description="The score set.")


@strawberry.input(description="An answer of a questionnaire.")
class AnswerInput:
    """A question of the score set, and its answer."""

    code: Code = strawberry.field(description="The question: a part's code, or VIS, HEAR, MOB, COG, SC, COM.")
    value: Amount = strawberry.field(description="The answer, within the question's range.")


@strawberry.input(description="An answer to a question of a questionnaire.")
class ResponseInput:
    """As a form would send it."""

    question: Code = strawberry.field(description="The question's name.")
    value: str = strawberry.field(description="Digits, a day, a choice's name, several with spaces between, or text of 1 to 500 letters.")


@strawberry.input(description="An assessment of somebody's need.")
class NeedAssessInput:
    """It gives the person a place in the own queue, or with another assessment a new one."""

    person: strawberry.ID = strawberry.field(description="A person of the own case load.")
    need: Need = strawberry.field(description="The need.")
    answers: list[AnswerInput] = strawberry.field(
        default_factory=list, description="1 to 100 answers; none where a questionnaire is answered."
    )
    questionnaire: strawberry.ID | None = strawberry.field(
        default=None, description="An own questionnaire that was answered, in its newest version."
    )
    responses: list[ResponseInput] | None = strawberry.field(default=None, description="Answers to the questionnaire.")
    on: Day = strawberry.field(description="The day of the assessment, at most a year ago.")
    region: Code | None = strawberry.field(default=None, description="Governorate after ISO 3166-2, for score sets with regional variants.")
    idempotency_key: str | None = strawberry.field(default=None, description="The same key gives the first answer again.")


@strawberry.input(description="A decision to move somebody in the queue.")
class QueueOverrideInput:
    """The reason is reported."""

    person: strawberry.ID = strawberry.field(description="A person with a place in the queue.")
    need: Need = strawberry.field(description="The queue.")
    lift: int = strawberry.field(description="Doublings of the priority, with a minus halvings, at most 6; 0 takes an override back.")
    reason: str = strawberry.field(description="Why, 1 to 500 letters; never an identifier of a person.")


@strawberry.input(description="Another weight for a part of the score set.")
class WeightInput:
    """Weights are relative to each other."""

    code: Code = strawberry.field(description="The part.")
    weight: Amount = strawberry.field(description="0 to 1000.")


@strawberry.input(description="A coefficient of a proxy means test.")
class CoefficientInput:
    """What one more of an answer adds."""

    question: Code = strawberry.field(description="The question.")
    value: Amount = strawberry.field(description="What it adds to the predicted logarithm of consumption.")


@strawberry.input(description="A proxy means test as it was fitted for a region.")
class MeansModelInput:
    """Predicts the logarithm of a household's consumption from what can be seen."""

    region: Code | None = strawberry.field(
        default=None, description="Governorate after ISO 3166-2; none for everywhere else, which there has to be."
    )
    intercept: Amount = strawberry.field(description="The predicted logarithm where every answer is 0.")
    coefficients: list[CoefficientInput] = strawberry.field(description="1 to 50 of them.")


@strawberry.input(description="A part of a score set.")
class ScorePartInput:
    """How its answers are counted into 0 to 1."""

    code: Code = strawberry.field(description="The question, or the name of the part: Latin letters, digits and _.")
    method: Code = strawberry.field(description="scale, wg (Washington Group short set) or pmt (proxy means test).")
    weight: Amount = strawberry.field(description="0 to 1000, relative to the others.")
    most: Amount | None = strawberry.field(default=None, description="For a scale: the answer that counts whole.")
    line: Amount | None = strawberry.field(
        default=None, description="For a proxy means test: the poverty line, in the unit of what is predicted."
    )
    models: list[MeansModelInput] | None = strawberry.field(
        default=None, description="For a proxy means test: one for each region, and one for all else."
    )


@strawberry.input(description="Other rules for a queue; what is left out stays.")
class QueueRulesAdoptInput:
    """They become the next version."""

    need: Need = strawberry.field(description="The queue.")
    version: int = strawberry.field(description="The version in force, as it was read.")
    half_life_days: float | None = strawberry.field(default=None, description="Unit: days.")
    emphasis: float | None = strawberry.field(default=None, description="The power of the points by which need counts, 0 to 8.")
    reference: float | None = strawberry.field(default=None, description="Unit: Iraqi dinars.")
    weights: list[WeightInput] | None = strawberry.field(default=None, description="Other weights.")
    parts: list[ScorePartInput] | None = strawberry.field(
        default=None, description="Another score set, 1 to 20 parts, instead of the one before."
    )


@plain(Level.PARTNER, "The need is assessed, and the person has a place.")
class NeedAssessed:
    """Payload of needAssess."""

    assessment: Assessment = strawberry.field(description="As it was counted.")


@plain(Level.PARTNER, "The place is moved.")
class QueueOverridden:
    """Payload of queueOverride."""

    person: strawberry.ID = strawberry.field(description="Whose place.")
    need: Code = strawberry.field(description="In which queue.")
    lift: int = strawberry.field(description="By how many doublings.")


@plain(Level.PARTNER, "The rules are in force.")
class QueueRulesAdopted:
    """Payload of queueRulesAdopt."""

    rules: QueueRules = strawberry.field(description="The new version.")


def _rules(row: dict[str, object]) -> QueueRules:
    return QueueRules(**{**row, "parts": [ScorePart(**each) for each in row["parts"]]})  # type: ignore[arg-type, attr-defined]  # as resolvers made it


@strawberry.type
class Query:
    """How the own queues are ordered."""

    @query("The versions of the own rules for a need, newest first; none at first.", "queue.read")
    def queue_rules(self, need: Annotated[Need, strawberry.argument(description="The need.")]) -> list[QueueRules] | None: ...

    @query("The overrides in the own queues, newest first.", "queue.read")
    def queue_overrides(
        self, first: Annotated[int, strawberry.argument(description="At most so many, 1 to 1000.")] = 50
    ) -> list[QueueOverride] | None: ...


@strawberry.type
class Mutation:
    """Assessing, overriding, adopting."""

    @mutation("Assess the need of a person of the own case load.", "need.assess")
    async def need_assess(self, hub: Hub, enquiry: Enquiry, input: NeedAssessInput) -> NeedAssessed:
        answers = [(str(each.code), float(each.value)) for each in input.answers]
        responses = [(str(each.question), each.value) for each in input.responses or ()]
        given = {**vars(input), "need": input.need.value, "responses": responses}
        return NeedAssessed(assessment=Assessment(**await hub.aid.needs.assess(enquiry, given, answers)))

    @mutation("Move somebody in the own queue, for a reason that is reported.", "queue.override")
    async def queue_override(self, hub: Hub, enquiry: Enquiry, input: QueueOverrideInput) -> QueueOverridden:
        return QueueOverridden(**await hub.aid.needs.override(enquiry, str(input.person), str(input.need.value), input.lift, input.reason))

    @mutation("Adopt other rules for an own queue.", "queue.adopt")
    async def queue_rules_adopt(self, hub: Hub, enquiry: Enquiry, input: QueueRulesAdoptInput) -> QueueRulesAdopted:
        weights = {str(each.code): float(each.weight) for each in input.weights or ()}
        changes = {**vars(input), "weights": weights}
        return QueueRulesAdopted(rules=_rules(await hub.aid.needs.adopt(enquiry, str(input.need.value), input.version, changes)))
