"""The pages lead somewhere, and no file tells of the machine it was written on."""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.architecture.project import ROOT, project_files

FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
LINKS = (
    re.compile(r"\]\(\s*<?([^)>\s]+)"),  # [text](target), ![alt](target)
    re.compile(r"^\[[^\]]+\]:\s*<?([^>\s]+)", re.MULTILINE),  # [name]: target
    re.compile(r"(?:href|src)=[\"']([^\"']+)"),
)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a\s+(?:id|name)=[\"']([^\"']+)")

PRIVATE = {
    "a path of one machine": re.compile(r"(?<![\w.~}-])/(?:work|farm|root)\b"),
    "a package index": re.compile(
        r"\b(?:pypi\.org|pytho[n]hosted\.org|npmjs\.(?:org|com))"
        r"|index[-_]url\W{1,3}https?:|https?://[^\s\"']+/simple\b"
    ),
    "notes outside the project": re.compile(r"(?<![\w.-])[s]hared/"),
}


def test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it() -> None:
    pages = project_files(".md")

    assert "README.md" in pages
    assert [problem for page in pages for problem in broken_links(ROOT, page)] == []


@pytest.mark.parametrize(
    "link",
    [
        "[x](nowhere.md)",
        "[x](other.md#nowhere)",
        "[x](#nowhere)",
        "[![x](nowhere.png)](other.md)",
        "[x](other.md 'title') and [y](<nowhere.md>)",
        "[x]: nowhere.md",
        '<img src="nowhere.png">',
        "[x](/other.md)",  # leads to another place on every site
        "[x](../../outside.md)",
        "[x](code.py#L3)",  # lines move
    ],
)
def test_a_link_to_nowhere_is_found(tmp_path: Path, link: str) -> None:
    write_site(tmp_path, link)

    assert len(broken_links(tmp_path / "site", "docs/page.md")) == 1


@pytest.mark.parametrize(
    "link",
    [
        "[x](other.md)",
        "[x](other.md#a-heading-with-code-and-more)",
        "[x](other.md#again-1)",
        "[x](#the-page)",
        "[x](with%20space.md)",
        "[x](../docs)",
        "[x](https://example.com/nowhere.md#nowhere)",
        "[x](mailto:somebody@example.com)",
        "`[x](nowhere.md)`",
        "```\n[x](nowhere.md)\n```",
    ],
)
def test_a_link_that_leads_somewhere_is_fine(tmp_path: Path, link: str) -> None:
    write_site(tmp_path, link)

    assert broken_links(tmp_path / "site", "docs/page.md") == []


def test_no_file_names_a_machine_an_index_or_notes_that_are_not_here() -> None:
    found = []
    for path in project_files():
        text = (ROOT / path).read_bytes().decode(errors="ignore")
        found += [f"{path}:{problem}" for problem in private_in(text)]

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "see {}work/main/worker".format("/"),
        "'{}root'".format("/"),
        "cd {}farm".format("/"),
        "https://files.example.com{}redis".format("/simple/"),
        "--index-url={}".format("https://index.example.com"),
        "https://pypi.{}/project/redis".format("org"),
        "as {}/ledger.md says".format("shared"),
    ],
)
def test_a_text_that_tells_of_its_machine_is_found(text: str) -> None:
    assert len(private_in(f"first line\n{text}\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "/workers",
        "https://example.com/{}/x".format("work"),
        "home/root",
        "--no-emit-index-url",
        "a/b",
    ],
)
def test_an_ordinary_text_tells_nothing(text: str) -> None:
    assert private_in(text) == []


def private_in(text: str) -> list[str]:
    """Tell what a text gives away, each with its line."""
    return [
        f"{text.count(chr(10), 0, match.start()) + 1}: names {what}: {match[0]}"
        for what, pattern in PRIVATE.items()
        for match in pattern.finditer(text)
    ]


def broken_links(root: Path, page: str) -> list[str]:
    """Tell the relative links of a page that lead nowhere."""
    text = CODE.sub("", FENCED.sub("", (root / page).read_text(encoding="utf-8")))
    targets = [target for link in LINKS for target in link.findall(text)]
    return [
        f"{page}: {target} {problem}"
        for target in targets
        if (problem := _problem(root, root / page, target))
    ]


def _problem(root: Path, page: Path, target: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    path = unquote(parts.path)
    if path.startswith("/"):
        return "is not relative"
    goal = (page.parent / path).resolve() if path else page
    if not goal.is_relative_to(root.resolve()) or not goal.exists():
        return "does not exist"
    if parts.fragment and unquote(parts.fragment) not in _anchors(goal):
        return "names no heading of that page"
    return None


def _anchors(page: Path) -> set[str]:
    """Return what can stand behind `#`, as GitHub forms it from the headings."""
    if page.suffix != ".md":
        return set()
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    anchors, seen = set(ANCHOR.findall(text)), Counter[str]()
    for heading in HEADING.findall(text):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        anchors.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
        seen[anchor] += 1
    return anchors


def write_site(tmp_path: Path, link: str) -> None:
    docs = tmp_path / "site" / "docs"
    docs.mkdir(parents=True)
    heads = "# A heading, with `code` and [more](page.md)\n\n## Again\n\n## Again\n"
    (tmp_path / "outside.md").write_text("# Outside\n", encoding="utf-8")
    (docs / "other.md").write_text(heads, encoding="utf-8")
    (docs / "with space.md").write_text("# Space\n", encoding="utf-8")
    (docs / "code.py").write_text("\n\n\n\n", encoding="utf-8")
    (docs / "page.md").write_text(f"# The page\n\n{link}\n", encoding="utf-8")
