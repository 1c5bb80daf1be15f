"""Hooks of mkdocs: pages made from code and results, and links from the docs to files of the repository.

    uv run tox run -e site      # builds out/site; a broken link fails

A method's page begins with docs/methods/NAME.md, its pseudo-code; this adds the method's file, its options, a timeline
drawn from a simulated epoch, the staleness of its gradients, and what was published and measured. A page of a table is
made of its literals. A file that the docs link to and that is no page itself becomes a page with its text.
"""

from __future__ import annotations

import inspect
import json
import posixpath
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import pandas as pd

import methods
from benchmarks.analyses.simulation import Layers, team_of
from benchmarks.commands.option_list import options
from benchmarks.executors.accounting import Moment, Staleness
from benchmarks.executors.virtual.executor import VirtualExecutor
from benchmarks.hardware import cards
from benchmarks.hardware.price import Price
from benchmarks.tables import registry
from benchmarks.tables.definition import Table
from results.measures import MEASURES

if TYPE_CHECKING:  # so that tests of what the pages say need no mkdocs
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "docs/notebooks/sixty_seconds.ipynb": "tutorial.md",
}
"""Pages of files that are no Markdown of the docs."""
LINK = re.compile(r"(\]\()([^)\s#]+)?(#[^)\s]*)?(\))")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
MERMAID = re.compile(r"^```mermaid\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
NODE = re.compile(r'(\w+)\["<b>(.+?)</b><br/>(.+?)"\]')
ARROW = re.compile(r"(\w+)(?:\[.*?\])? -[-.][^>]*> ?(\w+)")
WEB = ("http://", "https://", "mailto:")
TEXT = {".md": "markdown", ".py": "python", ".toml": "toml", ".ipynb": "json", ".cff": "yaml", ".csv": "text"}
LONGEST = 100_000
"""Characters of a file that are shown at most."""

BATCHES = 8
"""Batches of the epoch that a timeline shows."""

LONG = 96
"""Batches of an epoch whose start matters little to the mean staleness."""


# ---- hooks, in the order in which mkdocs calls them


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lists the pages of a folder where the navigation names it with a slash at its end."""
    assert config.nav is not None
    config.nav = [_listed(item) for item in config.nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that are made: of the root's documents, of tables and methods, and of linked files."""
    from mkdocs.structure.files import File

    texts = {page: _page_text(ROOT / source) for source, page in PAGES.items()}
    texts |= {"tables/index.md": _tables_page(), "methods/index.md": _methods_page()}
    texts |= {f"tables/{name}.md": _table_page(registry.table(name)) for name in registry.IDS}
    documented = {file.src_uri for file in files.documentation_pages()}
    texts |= {
        page: f"# {methods.method_class(name).title}\n"
        for name in methods.names()
        if (page := f"methods/{name}.md") not in documented
    }
    for path, text in texts.items():
        files.append(File.generated(config, path, content=text))
    for name, picture in _timelines().items():
        files.append(File.generated(config, f"methods/{name}.svg", content=picture))
    documents = {file.src_uri: file.content_string for file in files.documentation_pages()}
    linked = {target for page, text in documents.items() for target in _repository_links(page, text)}
    for target in sorted(linked):
        files.append(File.generated(config, _source_page(target), content=_source_text(target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Completes a method's page, and turns links to files of the repository into links to their pages."""
    folder, _, name = page.file.src_uri.rpartition("/")
    if folder == "methods" and name != "index.md":
        markdown += _of_method(name.removesuffix(".md"))
    if folder == "" and name == "index.md":
        page.meta["hide"] = ["toc"]  # its tables and lines of code are wide
    markdown = MERMAID.sub(lambda drawn: _svg(drawn[1]), markdown)
    return _outside_fences(markdown, lambda text: LINK.sub(lambda link: _relinked(page.file.src_uri, link), text))


# ---- navigation and links


def _listed(item: object) -> object:
    if isinstance(item, Mapping):
        return {
            title: _pages_of(value) if isinstance(value, str) else [_listed(entry) for entry in value]
            for title, value in item.items()
        }
    return item


def _pages_of(value: str) -> object:
    """Returns the page, or all pages of a folder."""
    if value == "methods/":
        return [
            "methods/index.md",
            *({methods.method_class(name).title: f"methods/{name}.md"} for name in methods.names()),
        ]
    if value == "tables/":
        return ["tables/index.md", *({name: f"tables/{name}.md"} for name in registry.IDS)]
    if value.endswith("/"):
        return sorted(f"{value}{path.name}" for path in (ROOT / "docs" / value).glob("*.md"))
    return value


def _outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Returns the text with all but its fenced code changed."""
    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [change(markdown[end : fence.start()]), fence.group()]
        end = fence.end()
    return "".join([*parts, change(markdown[end:])])


def _source_of(page: str) -> str:
    """Returns the repository's path of a page's text: "index.md" -> "README.md"."""
    return next((source for source, made in PAGES.items() if made == page), f"docs/{page}")


def _target_of(page: str, link: str) -> str:
    """Returns the repository's path that a link of a page leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(_source_of(page)), link))


def _repository_links(page: str, text: str) -> Iterator[str]:
    """Yields the files and folders that a page links to and that are no pages."""
    links = [link[2] for link in LINK.finditer(FENCE.sub("", text))]
    for link in links:
        if link and not link.startswith(WEB):
            target = _target_of(page, link)
            is_page = target in PAGES or (target.startswith("docs/") and (ROOT / target).is_file())
            if not is_page and (ROOT / target).exists():
                yield target


def _relinked(page: str, link: re.Match[str]) -> str:
    to, anchor = link[2] or "", link[3] or ""
    if not to or to.startswith(WEB):
        return link.group()
    target = _target_of(page, to)
    if target in PAGES:
        made = PAGES[target]
    elif target.startswith("docs/") and ((ROOT / target).is_file() or not (ROOT / target).exists()):
        made = target.removeprefix("docs/")
    elif (ROOT / target).exists():
        made, anchor = _source_page(target), ""
    else:
        return link.group()  # mkdocs says that there is no such page
    return "](" + posixpath.relpath(made, posixpath.dirname(page) or ".") + f"{anchor})"


def _page_text(path: Path) -> str:
    """Returns the Markdown of a file, or of a notebook's cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(text)["cells"]]
    shown = [source if kind == "markdown" else _fenced(source, "python") for kind, source in cells]
    opened = f"uv run --with jupyterlab jupyter lab {path.relative_to(ROOT)}"
    about = f"A notebook, without its outputs. In a checkout this opens it; it takes about a minute:\n\n    {opened}"
    return "\n\n".join([shown[0], about, *shown[1:]]) + "\n"


def _source_page(target: str) -> str:
    return f"source/{target}.md" if (ROOT / target).is_file() else f"source/{target}/index.md"


def _source_text(target: str) -> str:
    """Returns a page with the text of a file, or with the names in a folder."""
    path = ROOT / target
    if path.is_dir():
        names = sorted(f"{child.name}/" if child.is_dir() else child.name for child in path.iterdir())
        listed = "\n".join(f"- `{name}`" for name in names if not name.startswith((".", "__pycache__")))
        return f"# {target}/\n\n{listed}\n"
    text = path.read_text(encoding="utf-8", errors="replace")
    more = f"\n\nThe first {LONGEST:,} of {len(text):,} characters." if len(text) > LONGEST else ""
    return f"# {target}\n\n{_fenced(text[:LONGEST], TEXT.get(path.suffix, 'text'))}{more}\n"


def _fenced(text: str, language: str) -> str:
    return f"````{language}\n{text.rstrip()}\n````"


def _svg(flowchart: str) -> str:
    """Returns a flowchart of mermaid, which a browser without a network cannot draw, as an SVG of boxes by rows."""
    labels = {name: (title, words) for name, title, words in NODE.findall(flowchart)}
    arrows = ARROW.findall(flowchart)
    row = dict.fromkeys(labels, 0)
    for _ in labels:  # a box stands below all that point to it
        for start, end in arrows:
            row[end] = max(row[end], row[start] + 1)
    rows = [[name for name in labels if row[name] == number] for number in range(max(row.values()) + 1)]
    width, height, gap = 300, 52, 40
    whole = max(map(len, rows)) * (width + gap)
    place = {
        name: ((whole - len(names) * (width + gap) + gap) / 2 + i * (width + gap), number * (height + gap) + 4)
        for number, names in enumerate(rows)
        for i, name in enumerate(names)
    }
    lines = [
        f'<line x1="{place[a][0] + width / 2}" y1="{place[a][1] + height}" x2="{place[b][0] + width / 2}" '
        f'y2="{place[b][1] - 3}" stroke="#888" marker-end="url(#tip)"/>'
        for a, b in arrows
    ]
    boxes = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#eef" stroke="#66a"/>'
        f'<text x="{x + width / 2}" y="{y + 22}" text-anchor="middle" font-weight="bold">{labels[name][0]}</text>'
        f'<text x="{x + width / 2}" y="{y + 40}" text-anchor="middle" font-size="11">{labels[name][1]}</text>'
        for name, (x, y) in place.items()
    ]
    tip = (
        '<defs><marker id="tip" orient="auto" markerWidth="8" markerHeight="8" refX="6" refY="3">'
        '<path d="M0,0 L6,3 L0,6"/></marker></defs>'
    )
    size = f'viewBox="0 0 {whole} {len(rows) * (height + gap)}" width="100%" font-family="sans-serif" font-size="14"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{tip}{"".join(lines + boxes)}</svg>'


# ---- methods


def _of_method(name: str) -> str:
    cls = methods.method_class(name)
    file = Path(inspect.getfile(cls))
    about = inspect.getdoc(inspect.getmodule(cls)) or ""
    code = file.read_text(encoding="utf-8")
    code = code[re.search(r"^(@|class |def )", code, re.MULTILINE).start() :]  # type: ignore[union-attr]
    rows = [
        (f"`{option.name}`", option.values, f"`{option.default}`", option.description)
        for option in options(cls.Options)
    ]
    return "\n\n".join(
        [
            "",
            f"Source: {cls.source}. In tables: **{cls.title}**; on the command line: `{name}`.",
            f"    python -m benchmarks run table3 --method {name},bp",
            "## Our code",
            f"`methods/{file.name}`, without its imports:",
            _fenced(code, "python"),
            "## Source and departures",
            _as_markdown(about),
            "## As a timeline",
            f"![Timeline of {cls.title}]({name}.svg)",
            f"An epoch of {BATCHES} batches on the virtual clock, three layers, a backward pass twice as long as a "
            "forward pass, free links: drawn from a run, effect by effect.",
            "## Staleness",
            staleness_section(name),
            "## Options",
            f"`--set {name}.OPTION=VALUE`",
            _markdown_table(("option", "values", "default", "what it is"), rows),
            "## Published and measured",
            _results_of(name),
            "",
        ]
    )


def _as_markdown(text: str) -> str:
    """Returns a docstring as Markdown: a list needs an empty line before it."""
    return re.sub(r"(?m)^(?!- )(.+)\n(?=- )", r"\1\n\n", text)


def _methods_page() -> str:
    rows = [
        (f"[{cls.title}]({name}.md)", f"`{name}`", _means(staleness(name, *_sketch(), LONG)), cls.source)
        for name in methods.names()
        for cls in [methods.method_class(name)]
    ]
    headings = ("method", "on the command line", "staleness", "source")
    note = f"Staleness: means by layer, first to last, over {LONG} simulated batches; each method's page says of what."
    return f"# Methods\n\n{_markdown_table(headings, rows)}\n\n{note}\n"


@cache
def _timelines() -> dict[str, bytes]:
    """Returns a picture of each method's simulated epoch, as `run figure1` draws it."""
    with tempfile.TemporaryDirectory() as folder:
        names = ",".join(methods.names())
        command = [sys.executable, "-m", "benchmarks", "run", "figure1", "--method", names, "--no-tracking"]
        command += ["--set", f"figure1.batches={BATCHES}", "--out", folder]
        subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        pictures = Path(folder).rglob("figure1-*.svg")
        return {path.stem.removeprefix("figure1-"): path.read_bytes() for path in pictures}


# ---- staleness


class _EachStaleness(Staleness):
    """Keeps the staleness of each applied gradient, in updates, by layer."""

    def clear(self) -> None:
        super().clear()
        self.each: list[list[int]] = [[] for _ in self.layers]

    def note(self, layer: int, updates: int, read: Moment, ready: Moment, now: Moment) -> None:
        super().note(layer, updates, read, ready, now)
        self.each[layer].append(updates)


def staleness(name: str, layers: Layers, price: Price, batches: int) -> dict[str, list[int]]:
    """Simulates an epoch of a method -> layer -> the staleness of each gradient that was applied to it, in updates."""
    method = methods.create(name)
    team = team_of(method, layers, batches)
    team.accounts.staleness = noted = _EachStaleness([layer for layer, _ in layers])
    VirtualExecutor(team, price).run(method.workers(team))
    return dict(zip(noted.layers, noted.each, strict=True))


def _sketch() -> tuple[Layers, Price]:
    """Returns the network of the timelines, and its seconds on ideal devices."""
    return [(f"L{m}", 1) for m in (1, 2, 3)], Price.uniform(3, 1.0, 2.0)


def _on_card() -> tuple[Layers, Price]:
    card = cards.load("paper-a")
    network = card.networks["resnet18"]
    sizes = (int(size // 4) for size in network.parameter_bytes)
    return list(zip(network.layers, sizes, strict=True)), card.price(network)


def _means(by_layer: Mapping[str, Sequence[int]]) -> str:
    """Returns the mean of each layer, from the first to the last; one where all are alike."""
    means = [f"{fmean(values):.2f}" for values in by_layer.values()]
    return ", ".join(means if len(set(means)) > 1 else means[:1]) if any(map(any, by_layer.values())) else "0"


def staleness_section(name: str) -> str:
    """Returns a table of the timeline's epoch, and means over a longer one and on a network of a card."""
    drawn, long, network = (
        staleness(name, *where, batches)
        for where, batches in ((_sketch(), BATCHES), (_sketch(), LONG), (_on_card(), LONG))
    )
    about = (
        "Staleness of an applied gradient: updates of its layer by others since its forward pass read the weights. "
        "Averages of replicas and outer steps are not counted. "
    )
    if not any(map(any, [*drawn.values(), *long.values(), *network.values()])):
        return f"{about}It is **0** in the run above, and over {LONG} batches of it or of ResNet-18 (card `paper-a`)."
    counts = {layer: Counter(values) for layer, values in drawn.items()}
    if all(count == counts[next(iter(counts))] for count in counts.values()):
        counts = {"each layer": next(iter(counts.values()))}
    sizes = range(max(map(max, counts.values())) + 1)
    rows = [
        (layer, f"{fmean(count.elements()):.2f}", *(str(count[size] or "") for size in sizes))
        for layer, count in counts.items()
    ]
    return "\n\n".join(
        [
            f"{about}In the run above (three equal layers, {BATCHES} batches, ideal devices, simulated clock, seed 0), "
            "the mean, and how many gradients had which staleness:",
            _markdown_table(("layer", "mean", *(f"of {size}" for size in sizes)), rows),
            f"Means from the first layer to the last, over {LONG} batches: {_means(long)}; on ResNet-18 at the prices "
            f"of hardware card `paper-a`: {_means(network)}.",
        ]
    )


# ---- tables


def _tables_page() -> str:
    tables = [registry.table(name) for name in registry.IDS]
    rows = [(f"[{table.id}]({table.id}.md)", table.title, table.source) for table in tables]
    return "# Tables and figures\n\n" + _markdown_table(("name", "what it shows", "source"), rows) + "\n"


def _table_page(table: Table) -> str:
    rows = [(row.label, f"`{row.key}`", row.note) for row in table.rows]
    return "\n\n".join(
        [
            f"# {table.id}: {table.title}",
            f"Source: {table.source}. Networks: {', '.join(table.networks)}. Hardware card: `{table.card}`.",
            f"    python -m benchmarks run {table.id}\n    python -m benchmarks show {table.id} --audit",
            "## Rows",
            _markdown_table(("row", "name", "note"), rows),
            "## Notes",
            "\n".join(f"- {note}" for note in table.notes) or "None.",
            "## Published and measured",
            _markdown_table(_HEADINGS[1:], [row[1:] for row in _values(lambda frame: frame["table"] == table.id)]),
            "",
        ]
    )


# ---- values


_HEADINGS = ("table", "network", "row", "measure", "published", "smoke", "small")


@cache
def _kept() -> pd.DataFrame:
    """Returns the kept values of the embedded data and of real data in part, a line a value."""
    frames = [pd.read_csv(ROOT / "results" / "reproductions" / f"{name}.csv") for name in ("smoke", "small")]
    return pd.concat([frame.assign(kept=name) for frame, name in zip(frames, ("smoke", "small"), strict=True)])


def _values(chosen: Callable[[pd.DataFrame], pd.Series[bool]]) -> list[tuple[str, ...]]:
    """Returns rows of _HEADINGS: published values beside the kept ones."""
    frame = _kept()
    frame = frame[chosen(frame)]
    rows = []
    for (table, network, row, measure), group in frame.groupby(["table", "network", "row", "measure"], sort=False):
        by_kept = {name: part.iloc[0] for name, part in group.groupby("kept")}
        published = group["published"].dropna()
        shown = MEASURES[measure].name if measure in MEASURES else measure
        cells = [_measured(by_kept[name]) if name in by_kept else "" for name in ("smoke", "small")]
        rows.append((table, network, row, shown, f"{published.iloc[0]:.4g}" if len(published) else "", *cells))
    return rows


def _measured(value: pd.Series[float]) -> str:
    if pd.isna(value["mean"]):
        return f"> {value['at_least']:.4g} ({value['n']} runs)" if pd.notna(value["at_least"]) else ""
    spread = f" ± {value['std']:.2g}" if pd.notna(value["std"]) and value["std"] else ""
    return f"{value['mean']:.4g}{spread} (n = {value['n']})"


def _results_of(name: str) -> str:
    of_method = _values(lambda frame: frame["row"].astype(str).str.partition("@")[0] == name)
    if not of_method:
        return "No kept table has a row of it yet: `python -m benchmarks list` names the tables that do."
    return (
        "Mean and standard deviation over n seeds. *Seconds are simulated*; at scales smoke (embedded digits and "
        "generated text) and small (real data in part) no number is the paper's.\n\n"
        + _markdown_table(_HEADINGS, of_method)
    )


def _markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
