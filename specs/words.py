"""Words for numbers, as sentences need them. Pure."""


def counted(count: int, noun: str) -> str:
    """`1 pod`, `12 pods`, `3 services or budgets`."""
    plural = " ".join(word if word == "or" else f"{word}s" for word in noun.split())
    return f"{count:,} {noun if count == 1 else plural}"
