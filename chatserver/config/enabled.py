"""The list of enabled plugins: given whole, or as changes (`+name`, `-name`) of the list before it."""

from collections.abc import Sequence

ADD, REMOVE = "+", "-"


def after(before: Sequence[str], given: Sequence[str]) -> list[str]:
    """The enabled plugins, in order: `given`, or `before` with its changes. Raises `ValueError`.

    What is added comes last. Adding what is on already changes nothing, so that a configuration stays valid once a
    release has a plugin on by default.
    """
    signs = {name[:1] in (ADD, REMOVE) for name in given}
    if signs != {True}:
        if True in signs:
            raise ValueError("expected names alone, or changes alone such as +graphql and -audit")
        return list(given)
    names = list(before)
    for change in given:
        name = change[1:].strip()
        if change.startswith(ADD) and name not in names:
            names.append(name)
        elif change.startswith(REMOVE):
            if name not in names:
                raise ValueError(f"{change}: {name} is not on")
            names.remove(name)
    return names
