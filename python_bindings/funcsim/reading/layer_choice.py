"""Which of a network's hidden layers are wanted, by names with wildcards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

Names = str | Iterable[str]


@dataclass
class LayerChoice:
    """Names to include and to exclude. The readers of one comparison share it.

    Attributes:
        include: Patterns, one of which a layer's name must match; None for all layers.
        exclude: Patterns, none of which it may match.
    """

    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    _used: set[str] = field(default_factory=set)
    _seen: dict[str, None] = field(default_factory=dict)

    def places(self, names: Sequence[str]) -> list[int]:
        """Numbers of the layers that are wanted.

        Args:
            names: Of all hidden layers, in order. "block.0#2", the second call of a module, has the name "block.0" too.

        Raises:
            ValueError: There are none; says which there would be.
        """
        self._seen |= dict.fromkeys(names)
        included = [self.include is None or self._matches(name, self.include) for name in names]
        excluded = [self._matches(name, self.exclude) for name in names]
        wanted = [place for place in range(len(names)) if included[place] and not excluded[place]]
        if not wanted:
            raise ValueError(f"no hidden layer is left by {self._text()}. There are {', '.join(names)}")
        return wanted

    def excludes(self, name: str) -> bool:
        """Whether a layer is one to leave out."""
        return self._matches(name, self.exclude)

    def check_all_used(self) -> None:
        """Checks, after all networks were asked, that each pattern matched something.

        Raises:
            ValueError: Names one that didn't, and the layers there are.
        """
        for pattern in (*(self.include or ()), *self.exclude):
            if pattern not in self._used:
                raise ValueError(
                    f"no hidden layer has a name that matches {pattern!r}. There are {', '.join(self._seen)}"
                )

    def _matches(self, name: str, patterns: tuple[str, ...]) -> bool:
        module = name.partition("#")[0]
        found = [pattern for pattern in patterns if fnmatchcase(name, pattern) or fnmatchcase(module, pattern)]
        self._used.update(found)
        return bool(found)

    def _text(self) -> str:
        parts = [f"include={list(self.include)}"] if self.include is not None else []
        return ", ".join([*parts, f"exclude={list(self.exclude)}"] if self.exclude else parts)


def checked_choice(include: Names | None, exclude: Names | None) -> LayerChoice:
    """The choice that two options make.

    Raises:
        TypeError, ValueError: Says what was expected and what came.
    """
    return LayerChoice(
        None if include is None else _patterns("include", include),
        () if exclude is None else _patterns("exclude", exclude),
    )


def _patterns(option: str, names: Names) -> tuple[str, ...]:
    expected = f'{option} must be a name or a list of names, such as "encoder.*"'
    if not isinstance(names, str | Iterable) or isinstance(names, bytes):
        raise TypeError(f"{expected}, got {names!r}")
    patterns = (names,) if isinstance(names, str) else tuple(names)
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"{expected}, got {patterns!r}")
    if not patterns:
        raise ValueError(f"{option} must hold at least one name, or be None, got none")
    return patterns
