"""Joins what lies beside docs/ to the site: the README is its first page, and its table of settings a page of its own.

What leads to code becomes the name of the file, since the site holds none.
"""

import re
from os.path import normpath
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent
PAGES = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from files beside docs/."""
    for page, source in PAGES.items():
        text = (ROOT / source).read_text().replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    files.append(File.generated(config, "settings.md", content=settings((ROOT / "README.md").read_text())))
    return files


def on_page_markdown(markdown: str, page: Page, files: Files, **_: object) -> str:
    """Lead links to where the site has what they mean."""
    return LINK.sub(lambda link: placed(link[1], link[2], page.file.src_uri, files), markdown)


def settings(readme: str) -> str:
    """The README's table of settings, as a page."""
    rows = [line for line in readme.splitlines() if line.startswith("| `SERINUS_")]
    table = "\n".join(["| variable | default | meaning |", "| --- | --- | --- |", *rows])
    return f"# Settings\n\nEnvironment variables of the worker.\n\n{table}\n".replace("](docs/", "](")


def placed(text: str, target: str, page: str, files: Files) -> str:
    """A link as this page of the site has it; the name of a file that only the repository has."""
    path, _, anchor = target.partition("#")
    if not path or "://" in path or files.get_file_from_path(normpath(f"{page}/../{path}")):
        return f"[{text}]({target})"
    beside = path if page in PAGES else normpath(f"docs/{page}/../{path}")
    for made, source in PAGES.items():
        if beside == source:
            return f"[{text}]({'../' * page.count('/')}{made}{'#' * bool(anchor)}{anchor})"
    if not (ROOT / beside).exists():
        return f"[{text}]({target})"
    return f"`{beside}`" if text.strip("`") in beside else f"{text} (`{beside}`)"
