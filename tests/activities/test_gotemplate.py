"""Queries as Go's text/template reads them: what is rendered, and what is refused by name."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.gotemplate import Template, TemplateError

NAMES: dict[str, Any] = {
    "name": "podinfo",
    "interval": "1m",
    "variables": {"team": "a", "zone": "eu-1", "empty": ""},
}


def rendered(text: str, names: dict[str, Any] = NAMES) -> str:
    """The template with values put in."""
    return Template(text, tuple(names)).render(names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # text and actions
        ("up", "up"),
        ("", ""),
        ("{{ name }}", "podinfo"),
        ("{{name}}", "podinfo"),
        ("{{\n  name\n}}", "podinfo"),
        ('x{a="{{ name }}"}[{{ interval }}]', 'x{a="podinfo"}[1m]'),
        ("x{a={{ name }}}}", "x{a=podinfo}}"),
        ("{{ variables.team }}-{{ variables.team }}", "a-a"),
        ("{{/* why */}}x", "x"),
        ("a {{- /* why */ -}} b", "ab"),
        # trimming
        ("a  {{- name -}}  b", "apodinfob"),
        ("a\n{{- name }} b", "apodinfo b"),
        ("{{ -3 }}", "-3"),
        # constants
        ('{{ "a\\tb\\u00e9\\x41\\101" }}', "a\tbéAA"),
        ("{{ `raw\\n}}` }}", "raw\\n}}"),
        ('{{ "{{" }}', "{{"),
        ("{{ 1.50 }} {{ 1e3 }} {{ 1e21 }} {{ 7 }} {{ true }}", "1.5 1000 1e+21 7 true"),
        # pipelines and functions
        ('{{ printf "%s-%d%%" name 5 }}', "podinfo-5%"),
        ('{{ name | printf "%q" }}', '"podinfo"'),
        ('{{ printf "%5.1f|%-4d|%04d|%v|%t|%x|%+d" 1.25 7 7 name true 255 3 }}', "  1.2|7   |0007|podinfo|true|ff|+3"),
        ('{{ print "a" 1 2 "b" }}', "a1 2b"),
        ('{{ println "a" 1 }}', "a 1\n"),
        ("{{ len name }} {{ len variables }}", "7 3"),
        ('{{ index variables "zone" }}{{ index variables "gone" }}', "eu-1"),
        ('{{ (index variables "zone") | urlquery }}', "eu-1"),
        ('{{ urlquery "a b&c" }}', "a+b%26c"),
        ("{{ variables }}", "map[empty: team:a zone:eu-1]"),
        (
            '{{ eq name "x" "podinfo" }} {{ ne 1 2 }} {{ lt 1 2 }} {{ ge "b" "a" }} {{ le 1 1 }} {{ gt 1 2 }}',
            "true true true true true false",
        ),
        ('{{ and name variables.team }} {{ or variables.empty "b" }} {{ not name }}', "a b false"),
        ("{{ or name variables.gone }}", "podinfo"),
        # blocks
        ('{{ if eq name "podinfo" }}y{{ else }}n{{ end }}', "y"),
        ('{{ if variables.empty }}y{{ else if eq name "x" }}x{{ else }}n{{ end }}', "n"),
        ("{{ if and (eq interval `1m`) (not variables.empty) }}ok{{ end }}", "ok"),
        ("{{ with variables.team }}<{{ . }}{{ name }}>{{ else }}none{{ end }}", "<apodinfo>"),
        ("{{ with variables.empty }}x{{ else }}none{{ end }}", "none"),
        ("{{ with variables }}{{ .team }}{{ end }}", "a"),
        ("{{ with $t := variables.team }}{{ $t }}{{ end }}", "a"),
        ("{{ range $k, $v := variables }}{{ $k }}={{ $v }};{{ end }}", "empty=;team=a;zone=eu-1;"),
        ("{{ range variables }}<{{ . }}>{{ end }}", "<><a><eu-1>"),
        ("{{ range 3 }}{{ . }}{{ else }}none{{ end }}{{ range 0 }}x{{ else }}none{{ end }}", "012none"),
        ("{{ $x := name }}{{ if true }}{{ $x = `b` }}{{ end }}{{ $x }}", "b"),
    ],
)
def test_rendering(text: str, expected: str) -> None:
    """As Go renders it."""
    assert rendered(text) == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ pod }}", "{{ pod }} is not one of interval, name, variables"),
        ("{{ name | upper }}", "{{ upper }} is not one of interval, name, variables"),
        ("{{ .name }}", ".name: the dot has no fields here; write name"),
        ("{{ name", "unclosed action: write }} after it"),
        ("{{ name {{ interval }}", "unexpected '{' in an action"),
        ("{{ }}", "missing value: an action must name something between {{ and }}"),
        ("{{ name | }}", "missing value: an action must name something between {{ and }}"),
        ("{{ name -}}", ""),
        ("{{ name-}}", "write a space before -}}"),
        ("{{ if name }}", "{{ if }} without {{ end }}"),
        ("{{ if name }}x{{ else }}y", "{{ else }} of if without {{ end }}"),
        ("{{ end }}", "unexpected {{ end }}"),
        ("{{ else }}", "unexpected {{ else }}"),
        ("{{ if name }}{{ end name }}", "unexpected name"),
        ("{{ range 1 }}{{ else range 2 }}{{ end }}", "unexpected range after else"),
        ("{{ if }}x{{ end }}", "missing value: an action must name something between {{ and }}"),
        ("{{ $y }}", "undefined variable $y"),
        ("{{ $y = 1 }}", "undefined variable $y"),
        ("{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "undefined variable $x"),
        ("{{ name interval }}", "name is not a function that takes arguments"),
        ("{{ (name }}", "unclosed (: write ) after the pipeline"),
        ("{{ name ) }}", "unexpected )"),
        ("{{ printf }}", "printf takes at least 1, not 0"),
        ("{{ len name name }}", "len takes 1 argument, not 2"),
        ('{{ template "x" }}', "template is not supported in queries"),
        ('{{ define "x" }}{{ end }}', "define is not supported in queries"),
        ("{{ break }}", "break is not supported in queries"),
        ("{{ slice name 1 }}", "slice is not supported in queries"),
        ("{{ 'c' }}", 'unexpected "\'" in an action'),
        ('{{ "\\y" }}', "unknown escape \\y in a quoted string; write it between backquotes"),
        ('{{ "\\ud800" }}', "\\ud800 is not a character"),
        ("{{ 99999999999999999999 }}", "unexpected '9' in an action"),
        ("{{ if name }}" * 60, "blocks are nested deeper than 50"),
        ("{{ " + "(" * 60 + " }}", "parentheses are nested deeper than 50"),
    ],
)
def test_what_cannot_be_read(text: str, problem: str) -> None:
    """It is found before there is anything to render, and the construct is named."""
    if not problem:
        Template(text, tuple(NAMES))
        return
    with pytest.raises(TemplateError) as refusal:
        Template(text, tuple(NAMES))
    assert str(refusal.value) == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{{ variables.gone }}", "variables has no key gone; add it to templateVariables of the metric"),
        ("{{ name.x }}", ".x: only variables has keys; write variables.x"),
        ("{{ range name }}{{ end }}", "range cannot go over 'podinfo'; it goes over variables or a number"),
        ("{{ range 9000000 }}{{ end }}", "range over 9000000 is too long"),
        ("{{ range 1000 }}{{ range 1000 }}{{ name }}{{ end }}{{ end }}", "the result exceeds 1000000 characters"),
        ("{{ eq name 1 }}", "eq cannot compare 'podinfo' with '1'"),
        ("{{ lt true false }}", "lt cannot order 'true'"),
        ('{{ index name "a" }}', "index: 'podinfo' has no element 'a'"),
        ("{{ len 5 }}", "len of '5'; it takes text or a map"),
        ('{{ printf "%d" name }}', "printf: %d does not fit 'podinfo'"),
        ('{{ printf "%s" }}', "printf: no argument for %s"),
        ('{{ printf "x" 1 }}', "printf: 1 more arguments than verbs"),
        ('{{ printf "%9999d" 1 }}', "printf: %9999d is wider than 1000"),
        ("{{ printf 1 }}", 'printf: the first argument is a format such as "%s"'),
    ],
)
def test_what_cannot_be_rendered(text: str, problem: str) -> None:
    """The text says what is wrong with which value."""
    template = Template(text, tuple(NAMES))
    with pytest.raises(TemplateError) as refusal:
        template.render(NAMES)
    assert str(refusal.value) == problem


@given(st.text(max_size=30))
def test_values_are_not_rendered(value: str) -> None:
    """What a value holds is text."""
    assert rendered("{{ a }}", {"a": value}) == value


SIGNS = [
    "{{",
    "}}",
    "-",
    ".",
    "$x",
    ":=",
    "=",
    "|",
    "(",
    ")",
    '"',
    "`",
    ",",
    "/*",
    "*/",
    "\\",
    '"%d"',
    "1",
    "-3",
    "1e9",
]
KEYWORDS = ["if", "else", "end", "range", "with", "name", "variables", "printf", "index", "eq"]
WORDS = st.sampled_from([*SIGNS, *KEYWORDS, " ", "\n"])


@given(st.lists(WORDS | st.text(max_size=3), max_size=25).map("".join))
def test_nothing_else_is_raised(text: str) -> None:
    """Whatever is written, it is rendered or refused with a text."""
    with suppress(TemplateError):
        rendered(text)
