"""Write the sources of the documentation site, and build it.

    python docs/build_site.py [--no-build]

Needs the extra `docs`. The pages of `docs/` are copied to `build/docs`, with

- the cards of the models and their pictures, and tables made from the cards in place
  of `<!-- gallery -->` and `<!-- entries: CLASS -->`;
- the public names of a package in place of `<!-- api: PACKAGE -->`;
- the table of microcontrollers in place of `<!-- microcontrollers -->`;
- the tutorials as pages, and as notebooks to download, with what they printed when
  `docs/draw_figures.py` ran them;
- the changelog, and other pages of the top folder;
- the explorer's page.

Links to files that have no page on the site become plain text. MkDocs then builds
`build/site` in strict mode.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import pathlib
import posixpath
import re
import shutil
import subprocess
import sys

import jupytext
import nbformat

import ae_zoo
from ae_zoo.explorer import make_site, write_site
from ae_zoo.zoo import overview, tables

ROOT = pathlib.Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
OUTPUT = ROOT / "build" / "docs"
MODELS = ROOT / "saved_models"
# Files outside of docs/ that are pages of the site.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/README.md": "benchmarks.md",
    "README.md": "index.md",
    "saved_models": "gallery.md",
}
# Public names that are of no use to users, or explained elsewhere.
HIDDEN = {"AnyProtocol", "RawFile", "card_figures", "amend", "save"}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_MARK = re.compile(
    r"<!-- (gallery|entries|microcontrollers|explorer|api)(?:: (\w+))? -->"
)
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.DOTALL | re.MULTILINE)


def main() -> int:
    """Write the sources and build the site."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--no-build", action="store_true", help="write the sources only"
    )
    options = parser.parse_args()
    write_sources()
    if options.no_build:
        return 0
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    # Known: Zensical, the successor of MkDocs Material, builds the same site.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def write_sources() -> None:
    """Write all pages and pictures to `build/docs`."""
    shutil.rmtree(OUTPUT, ignore_errors=True)
    shutil.copytree(
        DOCS, OUTPUT, ignore=shutil.ignore_patterns("*.py", "*.md", "__pycache__")
    )
    for page in sorted(DOCS.rglob("*.md")):
        place = page.relative_to(DOCS)
        write_page(place.as_posix(), page.read_text("utf-8"), f"docs/{place}")
    for source, page in PAGES.items():
        if source not in ("README.md", "saved_models"):
            write_page(page, (ROOT / source).read_text("utf-8"), source)
    for card in cards():
        write_model(card["name"])
    for script in sorted((DOCS / "tutorials").glob("*.py")):
        write_tutorial(script)


def write_page(page: str, text: str, source: str) -> None:
    """Write a page with its tables and with links that hold on the site.

    Args:
        page: Path of the page on the site.
        text: Markdown.
        source: Path of its file in the repository, which its links are relative to.
    """
    path = OUTPUT / page
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = posixpath.dirname(page)
    made = {
        "gallery": lambda _: gallery(folder),
        "entries": lambda variant: entries(variant, folder),
        "microcontrollers": lambda _: microcontrollers(),
        "explorer": lambda _: explorer(),
        "api": lambda package: api(package, text),
    }
    text = _MARK.sub(lambda match: made[match[1]](match[2]), text)
    parts = _FENCE.split(text)
    parts[::2] = [spaced(relinked(part, page, source)) for part in parts[::2]]
    path.write_text("".join(parts), "utf-8")


def spaced(text: str) -> str:
    """Return Markdown as Python-Markdown needs it.

    Lists and tables begin after an empty line, and what belongs to an item is indented
    by four spaces.

    >>> spaced("Two things:\\n- one\\n  | table |\\n- two\\n")
    'Two things:\\n\\n- one\\n\\n    | table |\\n- two\\n'
    """
    text = re.sub(r"(?m)^  (?=\S)", " " * 4, text)
    text = re.sub(r"\A\n(?=[-|]|\d\. )", "\n\n", text)  # after a block of code
    item = r"(?:- |\d+\. )"
    text = re.sub(rf"(?m)^(?!\s*{item}|\s*[|#\n])(.+\n)(?={item})", r"\1\n", text)
    return re.sub(r"(?m)^(?!\s*\|)(.*\S.*\n)(?=\s*\|)", r"\1\n", text)


def relinked(text: str, page: str, source: str) -> str:
    """Return Markdown with the links of a file of the repository as links of the site.

    Args:
        text: Markdown without code blocks.
        page: Path of the page on the site.
        source: Path of its file in the repository.
    """

    def relink(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        target, _, anchor = target.partition("#")
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        place = place_of(file, image=bool(image))
        if place is None:
            return label
        here = posixpath.relpath(place, posixpath.dirname(page) or ".")
        return f"{image}[{label}]({here}{'#' + anchor if anchor else ''})"

    return _LINK.sub(relink, text)


def place_of(file: str, image: bool) -> str | None:
    """Return where a file of the repository is on the site; None if it is not there."""
    if file in PAGES:
        return PAGES[file]
    if file.startswith("docs/tutorials/"):
        return file.removeprefix("docs/").replace(".py", ".md")
    if file.startswith("docs/") and not file.endswith(".py"):
        return file.removeprefix("docs/")
    match = re.fullmatch(r"saved_models/(\w+)(/README.md)?", file)
    if match:
        return f"models/{match[1]}.md"
    if image:
        copy = OUTPUT / "pictures" / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, copy)
        return f"pictures/{file}"
    return None


def cards() -> list[ae_zoo.zoo.entry.Card]:
    """Return the cards of all models, in the order of their names."""
    return [ae_zoo.info(name) for name in ae_zoo.list_models()]


def gallery(folder: str) -> str:
    """Return the table of all models, which can be sorted on the page."""
    header = ["model", "good for", "class", "data", "input", "code", "size"]
    header += ["metric", "value", "baseline", "published"]
    return boxed(table(header, cards(), folder), "sortable cards")


def entries(variant: str, folder: str) -> str:
    """Return the table of the models of a class."""
    header = ["model", "good for", "input", "code", "size", "metric", "value"]
    header += ["baseline", "published"]
    chosen = [card for card in cards() if card["variant"] == variant]
    return boxed(table(header, chosen, folder), "cards")


def boxed(markdown: str, classes: str) -> str:
    """Return Markdown inside of an element with classes for the style sheet."""
    return f'<div class="{classes}" markdown>\n\n{markdown}\n\n</div>'


def table(header: list[str], chosen: list[ae_zoo.zoo.entry.Card], folder: str) -> str:
    """Return a Markdown table with a row for each card."""
    rows = []
    for card in chosen:
        first = card["metrics"][0]
        page = posixpath.relpath(f"models/{card['name']}.md", folder or ".")
        cells = {
            "model": f"[{card['name']}]({page})",
            "good for": card["task"].rstrip("."),
            "class": card["variant"].removesuffix("Autoencoder"),
            "data": card["dataset"]["name"],
            "input": _shape(card["input_shape"]),
            "code": _shape(card.get("latent_shape")),
            "size": overview._bytes(card.get("bytes")),
            "metric": first["metric"] + tables.arrow(first),
            "value": tables.number(first["value"]),
            "baseline": tables.number(first.get("baseline")),
            "published": tables.number(first.get("published")),
        }
        rows.append([cells[name] for name in header])
    return tables.markdown_table(header, rows)


def _shape(shape: list[int | None] | None) -> str:
    if not shape:
        return "–"
    return "×".join("any" if size is None else str(size) for size in shape)


def write_model(name: str) -> None:
    """Write the page of a model: its card, with links into this site."""
    text = (MODELS / name / "README.md").read_text("utf-8")
    text = text.replace("\n", "\n\n[← Gallery](..)\n", 1)
    write_page(f"models/{name}.md", text, f"saved_models/{name}/README.md")


def microcontrollers() -> str:
    """Return the table of what `benchmarks/microcontrollers.py` found."""
    path = ROOT / "benchmarks" / "microcontrollers.json"
    facts = json.loads(path.read_text("utf-8"))
    header = ["model", "file, kB", "runs in LiteRT Micro", "arena, kB"]
    header += ["mean difference, steps", "largest"]
    header += ["Ethos-U55: million cycles", "ms at 500 MHz", "SRAM, kB", "flash, kB"]
    header += ["operators on NPU / CPU"]
    rows = []
    for row in facts["rows"]:
        vela = row["vela"]
        rows.append(
            [
                row["name"],
                f"{row['bytes'] / 1e3:.1f}",
                "yes" if row["runs"] else f"no: {row['reason']}",
                f"{row['arena'] / 1e3:.1f}" if row["runs"] else "–",
                f"{row['mean_steps']:.2f}" if row["runs"] else "–",
                f"{row['steps']:.0f}" if row["runs"] else "–",
            ]
        )
        rows[-1] += (
            ["–"] * 5
            if vela is None or not vela["npu_operators"]
            else [
                f"{vela['cycles'] / 1e6:.3f}",
                f"{vela['milliseconds']:.3f}",
                f"{vela['sram'] / 1e3:.1f}",
                f"{vela['flash'] / 1e3:.1f}",
                f"{vela['npu_operators']} / {vela['cpu_operators']}",
            ]
        )
    versions = ", ".join(f"{name} {it}" for name, it in facts["versions"].items())
    found = tables.markdown_table(header, rows)
    return f"{boxed(found, 'sortable numbers')}\n\nVersions: {versions}."


def api(package: str, text: str) -> str:
    """Return directives for the public names of a package that a page does not have."""
    folder = ROOT / "ae_zoo" / package
    tree = ast.parse((folder / "__init__.py").read_text("utf-8"))
    (names,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    lines = []
    for name in names:
        # A function has precedence over the module of the same name.
        is_file = (folder / f"{name}.py").is_file()
        path = f"ae_zoo.{package}.{name}" + f".{name}" * is_file
        is_shown = not name.isupper() and name not in HIDDEN
        if is_shown and f"::: {path}\n" not in text:
            lines.append(f"::: {path}")
    return "\n\n".join(lines)


def write_tutorial(script: pathlib.Path) -> None:
    """Write a tutorial as a page, and as a notebook next to it."""
    notebook = jupytext.read(script, fmt="py:percent")
    name = script.stem
    recorded = DOCS / "assets" / "outputs" / f"{name}.json"
    outputs = [""] * len(notebook.cells)
    if recorded.is_file():
        outputs = json.loads(recorded.read_text("utf-8"))
    if len(outputs) != len(notebook.cells):
        raise SystemExit(
            f"{script.name} has other cells than when its outputs were recorded. Run "
            "python docs/draw_figures.py tutorials"
        )
    parts = []
    for cell, output in zip(notebook.cells, outputs, strict=True):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        if output:
            parts.append(f"```{{.text .output}}\n{output.rstrip()}\n```")
            cell.outputs = [nbformat.v4.new_output("stream", text=output)]
    parts.insert(
        1,
        f"[Download this page as a notebook]({name}.ipynb), or run "
        f"`python docs/tutorials/{name}.py`.",
    )
    write_page(f"tutorials/{name}.md", "\n\n".join(parts), f"docs/tutorials/{name}.md")
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":  # a notebook stands alone
            cell.source = _LINK.sub(
                lambda link: link[0] if re.match("[a-z]+:", link[3]) else link[2],
                cell.source,
            )
        cell["id"] = f"cell-{number}"  # random otherwise
    jupytext.write(notebook, OUTPUT / "tutorials" / f"{name}.ipynb")


def explorer() -> str:
    """Write the explorer's page, and return a frame that shows it."""
    write_site(make_site(), OUTPUT / "explorer")
    return (
        '<iframe class="explorer" src="explorer/index.html" title="Explorer"></iframe>'
    )


if __name__ == "__main__":
    sys.exit(main())
