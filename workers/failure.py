"""What goes wrong, as a person reads it: one sentence, one remedy, no traceback."""

REFUSED, BAD_USAGE = 1, 2


class Failure(Exception):
    """Ends a command. `code` is its exit code: 1 for a refusal, 2 for bad usage."""

    def __init__(self, sentence: str, remedy: str = "", code: int = REFUSED) -> None:
        super().__init__(sentence)
        self.sentence = sentence if sentence.endswith((".", "?")) else f"{sentence}."
        self.remedy = remedy
        self.code = code

    def __str__(self) -> str:
        return f"{self.sentence} {self.remedy}".strip()


def bad_usage(sentence: str, remedy: str = "") -> Failure:
    """A command that can't be carried out as it was typed."""
    return Failure(sentence, remedy, BAD_USAGE)


def innermost(error: BaseException) -> BaseException:
    """The first cause of an error: what went wrong, below what it was wrapped in."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def sentences(error: BaseException) -> str:
    """The messages of a whole chain of causes, outermost first, each said once."""
    said: list[str] = []
    link: BaseException | None = error
    while link is not None:
        words = " ".join(str(link).split()).rstrip(".") or type(link).__name__
        if not any(words in earlier for earlier in said):
            said.append(words)
        link = link.__cause__
    return ": ".join(said)
