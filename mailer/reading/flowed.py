"""Read format=flowed text (RFC 3676): soft line ends, space-stuffing and DelSp."""


def unflow(text: str, *, delsp: bool = False) -> str:
    """Return ``text`` with its paragraphs on one line each; quote marks are kept.

    RFC 3676 section 4: a line that ends with a space goes on in the next one of the same quote
    depth; ``-- `` is a signature mark and never flows.
    """
    out: list[str] = []
    depth = -1  # of the paragraph that is still open; -1 when none is
    parts: list[str] = []
    for line in text.split("\n"):
        quotes = len(line) - len(line.lstrip(">")) if line[:1] == ">" else 0
        rest = line[quotes:].removeprefix(" ")
        if depth < 0 and rest[-1:] != " ":  # most lines: nothing is open, nothing goes on
            out.append(f"{line[:quotes]} {rest}" if quotes else rest)
            continue
        mark = rest == "-- "
        if depth >= 0 and (quotes != depth or mark):
            out.append(_join(depth, parts))
            depth, parts = -1, []
        flows = rest.endswith(" ") and not mark
        parts.append(rest[:-1] if flows and delsp else rest)
        if flows:
            depth = quotes
        else:
            out.append(_join(quotes, parts))
            depth, parts = -1, []
    if parts:
        out.append(_join(depth, parts))
    return "\n".join(out)


def _join(quotes: int, parts: list[str]) -> str:
    text = "".join(parts)
    return f"{'>' * quotes} {text}" if quotes else text
