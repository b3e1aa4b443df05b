"""Files of manifests: their objects, and the lines of their fields."""

from pathlib import Path

import pytest

from worker.manifests import Document, NotYaml, Unreadable, read

TEXT = """\
# a comment
kind: A
metadata:
  name: one
  labels: {app: x}
spec:
  list:
    - first: 1
    - second: 2
      third: [a, b]
---
---
kind: List
items:
  - kind: B
    metadata: {name: two, namespace: test}
  - text
  - kind: C
---
just text
"""


def read_text(folder: Path, text: str) -> list[Document]:
    """The objects in a file with this text."""
    file = folder / "file.yaml"
    file.write_text(text)
    return read(str(file))


def test_objects_of_all_documents_and_lists(tmp_path: Path) -> None:
    """What is no object is skipped."""
    assert [each.identity for each in read_text(tmp_path, TEXT)] == ["A one", "B two.test", "C without name"]


@pytest.mark.parametrize(
    ("number", "field", "line"),
    [
        (0, "", 2),
        (0, "kind", 2),
        (0, "metadata.name", 4),
        (0, "metadata.labels.app", 5),
        (0, "spec.list[0]", 8),
        (0, "spec.list[1].third", 10),
        (0, "spec.list[1].third[1]", 10),
        pytest.param(0, "spec.list[1].fourth.fifth", 9, id="what is not there is missing there"),
        pytest.param(0, "spec.list[9]", 7, id="beyond the end"),
        pytest.param(0, "status", 2, id="nothing of it is there"),
        (1, "metadata.namespace", 16),
        (2, "kind", 18),
    ],
)
def test_the_line_of_a_field(tmp_path: Path, number: int, field: str, line: int) -> None:
    """As an editor counts."""
    assert read_text(tmp_path, TEXT)[number].line(field) == line


def test_a_date_is_text(tmp_path: Path) -> None:
    """As for kubectl, which reads YAML as JSON."""
    (document,) = read_text(tmp_path, "kind: A\nspec: {since: 2020-01-01, at: 2020-01-01T00:00:00Z}")
    assert document.obj["spec"] == {"since": "2020-01-01", "at": "2020-01-01T00:00:00Z"}


def test_a_field_that_is_written_twice_is_told(tmp_path: Path) -> None:
    """Wherever it is."""
    (document,) = read_text(tmp_path, "kind: A\nspec:\n  list:\n    - {a: 1, b: 2, a: 3}\nkind: B\n")
    twice = "stands here twice, and only the last one counts; remove one"
    assert list(document.repeated_fields()) == [f"spec.list[0].a: {twice}", f"kind: {twice}"]


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: [1\nc: 2\n", 3), ("a: b: c", 1), ("a: 1\n? [x]\n: 2\n", 2), ("a: 1\nb: \a\n", 2)]
)
def test_the_line_at_which_it_is_no_yaml(tmp_path: Path, text: str, line: int) -> None:
    """The first that makes no sense."""
    with pytest.raises(NotYaml, match=r"^no YAML: ") as refused:
        read_text(tmp_path, text)
    assert refused.value.line == line


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(Unreadable, match=r"cannot read .*nowhere\.yaml: No such file or directory"):
        read(str(tmp_path / "nowhere.yaml"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(Unreadable, match=r"cannot read .*binary: no UTF-8 text"):
        read(str(tmp_path / "binary"))
