"""Every organisation the hub knows, in one place: those of hub.toml, and those that its own tables add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from settings import Organisation


class Organisations(Mapping[str, Organisation]):
    """Organisations by name. What hub.toml says of one stands, whatever a table holds under the same name.

    Whoever needs to know an organisation (credentials, policies' facts, receivers of consents, the directory itself) reads
    it here when it needs it and keeps no copy, so that the next request already goes by a change.
    """

    def __init__(self, written: Mapping[str, Organisation], registered: Mapping[str, Organisation] | None = None) -> None:
        """`written` stand in hub.toml, `registered` in the hub's tables."""
        self._written = written
        self.registered: Mapping[str, Organisation] = {}
        self._all: Mapping[str, Organisation] = {}
        self.register(registered or {})

    def register(self, registered: Mapping[str, Organisation]) -> None:
        """Take these, all at once, in the place of whatever the tables held before."""
        self.registered = registered
        self._all = {**registered, **self._written}

    def __getitem__(self, name: str) -> Organisation:
        """One of them; KeyError for a name nobody has."""
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return iter(self._all)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)
