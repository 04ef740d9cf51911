"""The rules as text: every rule with the sentence of law above it, its file and its line.

The engine reads the files itself; this reads them once more for people, so that `mizalla why` can quote the sentence
that gave or refused something, and so that the rules' own text is part of every fingerprint.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from errors import ConfigError

FOLDER = Path(__file__).parent
"""Where the hub's own rules stand."""

TOKEN = re.compile(r'(?P<comment>#[^\n]*)|(?P<string>"(?:\\.|[^"\\])*")|(?P<end>;)|(?P<blank>\n[ \t]*(?=\n))|(?P<other>\s+|[^\s#";]+)')


@dataclass(frozen=True, slots=True)
class Rule:
    """One statement of a rules file: its sentence, its text, and where it stands.

    `name` is the predicate of its head (`release`, `allow`, …), or `?=` for a promise.
    """

    name: str
    sentence: str
    text: str
    file: str
    line: int

    @property
    def place(self) -> str:
        """`identity.polar:12`."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Law:
    """All rules of a folder, file by file in the order of their names."""

    folder: Path
    texts: dict[str, str]
    rules: tuple[Rule, ...]

    def named(self, name: str) -> list[Rule]:
        """Give the rules with this head, in order."""
        return [rule for rule in self.rules if rule.name == name]

    def without_promises(self) -> list[Rule]:
        """Give every rule; promises hold the files together and decide nothing."""
        return [rule for rule in self.rules if rule.name != "?="]


def read(folder: Path) -> Law:
    """Read every `.polar` file of a folder.

    Raises:
        ConfigError: the folder holds none; without rules nothing could be released, and nobody would know why.
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.polar"))}
    if not texts:
        raise ConfigError("there are no rules", "put the .polar files back; those of the hub are part of the distribution", str(folder))
    return Law(folder, texts, tuple(rule for file, text in texts.items() for rule in rules_of(file, text)))


def rules_of(file: str, text: str) -> list[Rule]:
    """Split one file into its statements; the comment lines right above a statement are its sentence.

    A blank line parts a comment from the statement below, so that a heading is no sentence.
    """
    rules: list[Rule] = []
    comments: list[str] = []
    statement, start = "", 0
    for token in TOKEN.finditer(text):
        if token.lastgroup == "comment":
            if not statement.strip():
                comments.append(token[0].lstrip("# ").rstrip())
        elif token.lastgroup == "end":
            rules.append(_rule(file, text, statement.strip() + ";", start, comments))
            statement, comments = "", []
        elif token.lastgroup == "blank" and not statement.strip():
            comments = []
        else:
            if not statement.strip():
                start = token.start()
            statement += token[0]
    return rules


def _rule(file: str, text: str, statement: str, start: int, comments: list[str]) -> Rule:
    name = re.match(r"\?=|\w+", statement)
    return Rule(name[0] if name else "", " ".join(comments), statement, file, text.count("\n", 0, start) + 1)
