"""How a room declares what may be asked, changed and watched: one decorator each, with the sentence and the command it needs.

    @query("The organisation's resources, by name.", "resource.read")
    def resources(self, first: Annotated[int, strawberry.argument(description="How many at most.")] = 20) -> list[Resource]: ...

    @mutation("Take a seat for the asker's own account.", "workshop.attend")
    async def workshop_register(self, hub: Hub, enquiry: Enquiry, input: WorkshopSeatInput) -> SeatChanged:
        return _seat(await hub.governance.workshops.take_seat(enquiry, str(input.workshop)))

Whoever the rules do not allow the command has no such field; one without a command is for anyone.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Annotated, Any

import strawberry

from errors import Refused
from schema.access import needs
from schema.reading import Context, read
from schema.refusal import Refusal

Declared = Callable[[Callable[..., Any]], Any]


def query(description: str, command: str | None = None) -> Declared:
    """A root field of what may be asked. Its method says arguments and type and is never run: the plan answers."""

    def declare(method: Callable[..., Any]) -> Any:
        async def answer(self: Any, info: strawberry.Info, **_: Any) -> Any:  # noqa: ARG001 — Strawberry gives it
            return await read(info)

        own, *arguments = inspect.signature(method).parameters.values()
        return strawberry.field(
            resolver=_named(answer, method, [own, INFO, *arguments], method.__annotations__["return"]),
            description=description,
            metadata=_metadata(command),
        )

    return declare


def mutation(description: str, command: str | None = None, *, result: str | None = None) -> Declared:
    """A root field that changes something: one `input`, and its payload or the one Refusal.

    The method is given `hub`, `enquiry`, `gathering` and `input`, those of them that it names. Its type is the payload's; the
    union with Refusal is called after the field, `SeatTakeResult` of `seat_take`, where several do not share the one that `result` names.
    """

    def declare(method: Callable[..., Awaitable[Any]]) -> Any:
        own, *wanted = inspect.signature(method).parameters.values()
        names = [each.name for each in wanted]

        async def answer(self: Any, info: strawberry.Info, **given: Any) -> Any:
            context: Context = info.context
            known = {"hub": context.hub, "enquiry": context.gathering.enquiry, "gathering": context.gathering, **given}
            try:
                return await method(self, **{name: known[name] for name in names})
            except Refused as refused:
                return Refusal(code=refused.code, message=refused.message, hint=refused.hint, field=refused.field)

        name = result or "".join(word.capitalize() for word in method.__name__.split("_")) + "Result"
        union = _or_refusal(method.__annotations__["return"], name)
        return strawberry.mutation(
            resolver=_named(answer, method, [own, INFO, *(each for each in wanted if each.name == "input")], union),
            description=description,
            metadata=_metadata(command),
        )

    return declare


def subscription(description: str, command: str | None = None) -> Declared:
    """A root field of what may be watched. Its method says the type and is never run: the hub's news go through the door."""

    def declare(method: Callable[..., Any]) -> Any:
        return strawberry.subscription(resolver=method, description=description, metadata=_metadata(command))

    return declare


INFO = inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info)


@cache
def _or_refusal(payload: type, name: str) -> Any:
    return Annotated[payload | Refusal, strawberry.union(name)]


def _metadata(command: str | None) -> dict[str, str]:
    return {} if command is None else needs(command)


def _named(answer: Any, method: Callable[..., Any], parameters: list[inspect.Parameter], gives: Any) -> Any:
    """The function that runs, which looks to Strawberry like the method that declares it."""
    answer.__name__, answer.__qualname__, answer.__module__ = method.__name__, method.__qualname__, method.__module__
    answer.__signature__ = inspect.Signature(parameters, return_annotation=gives)
    return answer
