"""Makes docs/metrics.md from the places in the code where measures are declared.

`docs/generate.py` writes it. A measure must be declared with a literal name, text and labels.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from wrapping import item

ROOT = Path(__file__).parents[1]
KINDS = {
    "counter": "counter",
    "gauge": "gauge",
    "histogram": "histogram",
    "GaugeMetricFamily": "gauge",
    "InfoMetricFamily": "info",
}
# A measure that is written as text, in the exposition format.
WRITTEN = re.compile(r"# HELP (\w+) (.+)\n# TYPE \w+ (\w+)\n\w+\{?(.*)")

HEAD = """\
# Metrics

The server's own metrics at `/metrics`, generated from the code: each with its kind, its labels and its meaning. With
`chatserver serve --workers` each has the label `worker` as well. The plugin `metrics` adds those of the process
(`process_…`) and of Python's garbage collector (`python_gc_…`), which
[prometheus-client](https://prometheus.github.io/client_python/collector/) describes. The name of a counter ends in
`_total`; a histogram has `_bucket`, `_sum` and `_count`; times are in seconds, sizes in bytes.
"""


class Declared(NamedTuple):
    """One measure: its kind, what it says of itself, and the source file."""

    name: str
    kind: str
    text: str
    labels: tuple[str, ...]
    file: Path


def declared() -> list[Declared]:
    """All measures of the core and of the plugins that come with it, sorted by name."""
    found = [
        measure
        for folder in ("chatserver", "plugins")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for measure in _in_file(path)
    ]
    return sorted(found)


def page() -> str:
    """docs/metrics.md."""
    core, plugins = [], dict[str, list[Declared]]()
    for measure in declared():
        parts = measure.file.relative_to(ROOT).parts
        group = core if parts[0] == "chatserver" else plugins.setdefault(parts[1], [])
        group.append(measure)
    sections = [f"## The server\n\n{_list(core)}"]
    sections += [f"## Plugin `{name}`\n\n{_list(group)}" for name, group in sorted(plugins.items())]
    return "\n".join([HEAD, *sections])


def _list(measures: list[Declared]) -> str:
    return "\n".join([*map(_item, measures), ""])


def _item(measure: Declared) -> str:
    labels = ", ".join(f"`{label}`" for label in measure.labels)
    by = f" by {labels}" if labels else ""
    return item(f"`{measure.name}` ({measure.kind}{by}): {measure.text}")


def _in_file(path: Path) -> Iterator[Declared]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = (
                node.func.attr
                if isinstance(node.func, ast.Attribute)
                else getattr(node.func, "id", "")
            )
            if name in KINDS and len(node.args) >= 2 and isinstance(node.args[0], ast.Constant):
                yield _call(KINDS[name], node, path)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            for name, text, kind, _ in WRITTEN.findall(node.value):
                yield Declared(name, kind, text, (), path)


def _call(kind: str, node: ast.Call, path: Path) -> Declared:
    name, text = (ast.literal_eval(argument) for argument in node.args[:2])
    if kind == "info":
        return Declared(f"{name}_info", kind, text, ("version",), path)
    further = node.args[3 if kind == "gauge" else 2 :]
    named = {word.arg: word.value for word in node.keywords}
    labels = ast.literal_eval(named.get("labels") or (further[0] if further else ast.Tuple([])))
    return Declared(name, kind, text, tuple(labels), path)
