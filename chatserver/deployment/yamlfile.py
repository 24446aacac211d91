"""YAML with the line of each key, by PyYAML (the extra `deploy`), which the server itself does not need."""

from __future__ import annotations

from typing import Any, NamedTuple

from chatserver.deployment.problem import DeploymentError, Problem

Path = tuple[str | int, ...]
_MOST = 200_000  # keys and items of a document; dashboards have a tenth of it


class Document(NamedTuple):
    """One document: plain values, and the line of each key and list item by its path, from 1."""

    value: Any
    lines: dict[Path, int]

    def line(self, *path: str | int) -> int:
        """The line of the key, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def available() -> bool:
    try:
        import yaml  # noqa: F401
    except ImportError:
        return False
    return True


def read_yaml(file: str, text: str) -> list[Document]:
    """All documents of a text. Raises `DeploymentError`, also for a key that is there twice."""
    import yaml

    found = []
    try:
        for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
            lines: dict[Path, int] = {(): node.start_mark.line + 1}
            problems: list[Problem] = []
            value = _plain(node, (), lines, problems, file)
            if problems:
                raise DeploymentError(problems)
            found.append(Document(value, lines))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise DeploymentError(
            [Problem(file, line, "yaml.syntax", error.problem or str(error))]
        ) from None
    except (yaml.YAMLError, RecursionError) as error:
        message = str(error).splitlines()[0]
        raise DeploymentError([Problem(file, 0, "yaml.syntax", message)]) from None
    return found


def _plain(
    node: Any, path: Path, lines: dict[Path, int], problems: list[Problem], file: str
) -> Any:
    import yaml

    if len(lines) > _MOST:
        raise yaml.YAMLError("aliases of aliases make it too large")
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                for each in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    more = _plain(each, path, lines, problems, file)
                    if isinstance(more, dict):
                        merged |= more
                    else:
                        problems.append(
                            Problem(file, line, "yaml.syntax", "expected a mapping to merge")
                        )
                continue
            if name in found:
                problems.append(Problem(file, line, "yaml.duplicate", f"{name} is there twice"))
            lines[(*path, name)] = line
            found[name] = _plain(value, (*path, name), lines, problems, file)
        return merged | found
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, each in enumerate(node.value):
            lines[(*path, index)] = each.start_mark.line + 1
            items.append(_plain(each, (*path, index), lines, problems, file))
        return items
    if node.tag == "tag:yaml.org,2002:int" and node.value.isdigit():
        return int(node.value)
    return None if node.tag == "tag:yaml.org,2002:null" else node.value
