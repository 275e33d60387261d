"""Classes: units that are alike, by number, and bags of them."""

from collections.abc import Iterator, Sequence

Bag = tuple[tuple[int, int], ...]
"""Class and count, by class."""


class Classes:
    """Every class once: its size, the level of the domain that it must have, and what is inside it."""

    def __init__(self, host: int) -> None:
        self._host = host
        self._numbers: dict[tuple[int, int, Bag], int] = {}
        self.sizes: list[int] = []
        self._levels: list[int] = []
        self._inside: list[Bag] = []

    def whole(self, size: int) -> int:
        """What goes onto one host."""
        return self._number(size, self._host, ())

    def unit(self, level: int, inside: Bag) -> int:
        """What goes into one domain of a level."""
        size = self.size(inside)
        return self.whole(size) if level == self._host else self._number(size, level, inside)

    def size(self, bag: Bag) -> int:
        """Of all in a bag."""
        return sum(self.sizes[kind] * count for kind, count in bag)

    def level(self, bag: Bag) -> int:
        """The outermost that is needed by something in a bag."""
        return min((self._levels[kind] for kind, _ in bag), default=self._host)

    def opened(self, bag: Bag, level: int) -> Bag:
        """The bag once its domain of a level is there: units of that level are what is inside them."""
        found: dict[int, int] = {}
        for kind, count in bag:
            parts = self.opened(self._inside[kind], level) if self._levels[kind] <= level else ((kind, 1),)
            for inner, times in parts:
                found[inner] = found.get(inner, 0) + times * count
        return tuple(sorted(found.items()))

    def pieces(self, bag: Bag) -> Iterator[int]:
        """Class by class, one for each in a bag, the largest first."""
        for kind, count in sorted(bag, key=lambda each: -self.sizes[each[0]]):
            yield from (kind for _ in range(count))

    def _number(self, size: int, level: int, inside: Bag) -> int:
        found = self._numbers.setdefault((size, level, inside), len(self.sizes))
        if found == len(self.sizes):
            self.sizes.append(size)
            self._levels.append(level)
            self._inside.append(inside)
        return found


def without(bag: Bag, taken: Bag) -> Bag:
    """What is left of a bag."""
    gone = dict(taken)
    return tuple((kind, count - gone.get(kind, 0)) for kind, count in bag if count > gone.get(kind, 0))


class Sums:
    """Bags out of parts (class, count, size of one), by what their sizes come to. Cost: a few microseconds a bag."""

    def __init__(self, parts: Sequence[tuple[int, int, int]]) -> None:
        self._order = sorted(parts, key=lambda part: (-part[2], part[0]))
        self._reach = [1]
        """For each part: every sum of it and those after it, as bits; last, that of none."""
        for _, count, size in reversed(self._order):
            bits = self._reach[-1]
            for _ in range(count):
                bits |= bits << size
            self._reach.append(bits)
        self._reach.reverse()

    def most(self, room: int) -> int:
        """The largest sum that room can hold."""
        return (self._reach[0] & ((2 << room) - 1)).bit_length() - 1

    def between(self, least: int, most: int) -> Iterator[tuple[int, Bag]]:
        """Sums with their bags, the largest first."""
        for total in range(self.most(most), max(0, least) - 1, -1):
            if self._reach[0] >> total & 1:
                yield from ((total, tuple(sorted(bag))) for bag in self._exactly(0, total))

    def _exactly(self, index: int, left: int) -> Iterator[Bag]:
        if index == len(self._order):
            yield ()
            return
        kind, count, size = self._order[index]
        for number in range(min(count, left // size), -1, -1):
            if self._reach[index + 1] >> (left - number * size) & 1:
                mine: Bag = ((kind, number),) if number else ()
                yield from (mine + rest for rest in self._exactly(index + 1, left - number * size))
