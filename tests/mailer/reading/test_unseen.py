"""What a writer struck in markup, and what no reader can see, is taken out of it."""

import pytest

from mailer.reading import unseen
from mailer.reading.html_text import html_to_text
from tests.cost import AFFORDABLE, cost


def seen(markup: str) -> str:
    return html_to_text(unseen.without(markup)).strip()


@pytest.mark.parametrize(
    "element",
    [
        "<del>", "<s>", "<STRIKE>", '<span style="text-decoration:underline line-through">',
        "<span style='text-decoration-line: line-through'>", '<div style="display: none">',
        '<span style="display:/**/none !important">', '<span style="visibility:hidden">',
        '<span style="font-size:0">', '<span style="font:0/0 a">', '<span style="opacity:0">',
        '<font color="#ffffff">', '<span style="color: rgb(255, 255, 255)">', "<em hidden>",
        '<span style="color:#123;background-color:#123">', '<span style="color:transparent">',
        '<div style="max-height:0;overflow:hidden">', '<span style="text-indent:-9999px">',
        '<span style="mso-hide:all">',
    ],
)  # fmt: skip
def test_a_struck_or_hidden_element_is_not_seen_and_what_follows_it_is(element: str) -> None:
    name = element.strip("<>").split()[0]
    markup = f"<p>Hi</p>{element}yes <b>I <{name}>do</{name}> so</b></{name}><p>Bo</p>"
    assert seen(markup).split() == ["Hi", "Bo"]


@pytest.mark.parametrize("rule", [".x{display:none}", "span{font-size:0}", "p, span.x {opacity:0}"])
def test_a_rule_of_the_sheet_hides_what_it_names(rule: str) -> None:
    assert seen(f'<style>{rule}</style><span class="a x">yes</span> no') == "no"


@pytest.mark.parametrize(
    "markup",
    [
        '<div style="background:#000"><span style="color:#fff">yes</span></div>',
        '<p style="color:#ffffff;background-color:#000000">yes</p>',
        "<style>@media print{p{display:none}}</style><p>yes</p>",
        "<style>p.MsoNormal{font-size:11.0pt;}</style><p class=MsoNormal>yes<o:p></o:p></p>",
        '<p class="hidden">yes</p>', '<p style="margin-left:-5px;opacity:1">yes</p>',
        '<img style="display:none" src="x">yes', "<p style='display:none'><p>yes",
        "<!-- <s> -->yes", '<a title="<s>">yes</a>',
    ],
)  # fmt: skip
def test_what_can_be_seen_stays(markup: str) -> None:
    assert seen(markup) == "yes"


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "piece",
    ["<s>", "<!--", "<style>", "<script>", "<div style='display:none", "<style>@{", "bgcolor=",
     "<p style=display:none>", "/*", "<template>"],
)  # fmt: skip
def test_hostile_markup_costs_as_much_as_it_is_long(piece: str) -> None:
    assert cost(lambda: unseen.without(piece * (1_000_000 // len(piece)))) < AFFORDABLE
