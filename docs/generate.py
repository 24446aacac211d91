"""Writes the generated parts of docs/, from the code where the facts are declared.

`python docs/generate.py` writes, `--check` only says (status 1) that something is out of date.
"""

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

import chatserver_plugins
from chatserver.config.settings import Setting, describe
from chatserver.config.text import render_default, sections, toml_value
from chatserver.hooks.loading import settings_type

sys.path.insert(0, str(Path(__file__).parent))
import command_reference
import graphql_reference
import hook_reference
import http_reference
import metrics_reference
import names_reference
import page_reference
import protocol_reference
import public_names
import release_record
import service_reference
import typescript
from wrapping import item

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/plugins/reference"
NPM = ROOT / "chatserver/client/npm"
BEGIN, END = "<!-- generated: docs/generate.py -->", "<!-- end of generated -->"


def plugins() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """The settings of every plugin that comes with the server."""
    for module in sorted(pkgutil.iter_modules(chatserver_plugins.__path__)):
        package = importlib.import_module(f"chatserver_plugins.{module.name}")
        for name, kind in vars(package).items():
            if name.endswith("Plugin") and isinstance(kind, type):
                yield module.name, settings_type(kind)


def reference() -> str:
    """The settings, as they stand between the markers."""
    parts = []
    for name, kind in sections():
        summary = (kind.__doc__ or "").partition("\n")[0]
        parts.append(f"### `[{name}]`\n\n{summary}\n\n{_list(describe(kind))}")
    for name, kind in plugins():
        parts.append(f"### `[plugin.{name}]`\n\n{_list(describe(kind))}")
    return "\n\n".join(parts)


def protocol() -> str:
    """docs/protocol.md with each of its generated parts."""
    bot = (ROOT / "docs/examples/echo_bot.py").read_text(encoding="utf-8")
    parts = {
        "notices": protocol_reference.notices(),
        "operations": protocol_reference.operations(),
        "bounds": protocol_reference.bounds(),
        "shapes": protocol_reference.shapes(),
        "events": protocol_reference.events(),
        "passing": protocol_reference.passing(),
        "close codes": protocol_reference.close_codes(),
        "http": http_reference.calls(),
        "errors": protocol_reference.error_codes(),
        "limits": protocol_reference.limits(),
        "bot": f"```python\n{bot}```",
    }
    return _filled("docs/protocol.md", parts)


def command_page() -> str:
    """docs/commands.md with its generated parts."""
    parts = command_reference.codes() | {
        "commands": command_reference.reference(),
        "shapes": command_reference.shapes_part(),
    }
    return _filled("docs/commands.md", parts)


def places_page() -> str:
    """docs/plugins/page.md with its tables."""
    parts = {"places": page_reference.places(), "interface": page_reference.interface()}
    return _filled("docs/plugins/page.md", parts)


def plugin_pages() -> dict[str, str]:
    """The reference for authors of plugins, by the names of its pages."""
    return {
        "hooks": hook_reference.hooks_page(),
        "types": hook_reference.types_page(),
        "actions": hook_reference.actions_page(),
        "service": service_reference.page(),
        **names_reference.pages(),
    }


def outputs() -> dict[Path, str]:
    """Each generated file with what it should hold."""
    schemas = protocol_reference.schemas() | {"openapi.json": http_reference.openapi()}
    return {
        **_with_part(ROOT / "docs/configuration.md", reference()),
        ROOT / "config/default.toml": render_default(),
        **public_names.record(),
        **release_record.record(plugins()),
        ROOT / "docs/commands.md": command_page(),
        ROOT / "docs/protocol.md": protocol(),
        ROOT / "docs/graphql.md": _filled("docs/graphql.md", {"codes": graphql_reference.codes()}),
        ROOT / "docs/graphql-schema.md": graphql_reference.page(),
        ROOT / "docs/metrics.md": metrics_reference.page(),
        ROOT / "docs/plugins/page.md": places_page(),
        **{REFERENCE / f"{name}.md": text for name, text in plugin_pages().items()},
        ROOT / "docs/schema/schema.graphql": graphql_reference.sdl(),
        NPM / "types.d.ts": typescript.types(),
        NPM / "package.json": typescript.package(
            (NPM / "package.json").read_text(encoding="utf-8")
        ),
        **{ROOT / "docs/schema" / name: text for name, text in schemas.items()},
    }


def main(arguments: list[str]) -> int:
    if arguments != ["--check"]:  # first, as other pages read it
        for path, text in public_names.record().items():
            path.write_text(text, encoding="utf-8")
    stale = [path for path, text in outputs().items() if not _holds(path, text)]
    for path in stale:
        print(f"{path.relative_to(ROOT)}: out of date")
    if arguments == ["--check"]:
        return 1 if stale else 0
    for path, text in outputs().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


def _with_part(page: Path, part: str) -> dict[Path, str]:
    """The page with `part` between its markers."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return {page: f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"}


def _filled(page: str, parts: dict[str, str]) -> str:
    """The page with each part between the markers of its name."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, part in parts.items():
        begin = f"<!-- generated {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n\n{part}\n\n{END}{rest.partition(END)[2]}"
    return text


def _holds(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _list(settings: list[Setting]) -> str:
    if not settings:
        return "No settings."
    return "\n".join(_item(setting) for setting in settings)


def _item(setting: Setting) -> str:
    required = setting.default is msgspec.NODEFAULT
    default = "required" if required else f"default `{toml_value(setting.default)}`"
    return item(f"**`{setting.key}`** ({setting.type}; {default}): {setting.description}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
