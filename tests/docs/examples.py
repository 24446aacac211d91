"""The packages in docs/examples, found as installed ones are: by their metadata."""

import os
import tomllib
from pathlib import Path

from tests.docs.pages import ROOT

EXAMPLES = ROOT / "docs/examples"
PACKAGES = sorted(path.parent.name for path in EXAMPLES.glob("*/pyproject.toml"))


def found_path(name: str, folder: Path) -> str:
    """A PYTHONPATH with the example and this server; the example's metadata are written below `folder`."""
    example = EXAMPLES / name
    project = tomllib.loads((example / "pyproject.toml").read_text())["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {each}\n" for each in project["dependencies"])
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n{needs}"
    )
    plugins = project["entry-points"]["chatserver.plugins"]
    lines = [f"{plugin} = {place}" for plugin, place in plugins.items()]
    (info / "entry_points.txt").write_text("\n".join(["[chatserver.plugins]", *lines, ""]))
    return os.pathsep.join([str(folder), str(example), str(ROOT)])
