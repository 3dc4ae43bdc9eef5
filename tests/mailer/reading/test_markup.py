"""HTML mail: shown where it says more, never more than its box, and never costly."""

import re

import pytest

from archive.visibility.removal import Removed
from archive.visibility.visibility import Viewer, see
from mailer.reading import markup
from mailer.reading.attachments import attachment, key_of
from mailer.reading.bodies import read, read_files
from mailer.reading.html_text import html_to_text
from tests.cost import AFFORDABLE, cost

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
NEWS = (
    "<html><head><title>t</title><style>p{color:red}</style></head><body>"
    '<div style="display:none">Only for the list of mails</div>'
    '<h1>News</h1><table><tr><td style="text-align:center">One</td><td><b>Two</b></td></tr></table>'
    '<img src="cid:logo@x" alt="Logo"><img src="https://t.example/1.gif" width="1" height="1">'
    '<img src="https://cdn.example/cat.jpg" alt="A cat">'
    '<p>Write to <a href="mailto:anna@example.net">anna@example.net</a>.</p></body></html>'
)
STRANGER = Viewer(masked=True, language="en", removed=Removed())


def letter(html: str, plain: str | None = None) -> bytes:
    """Write a mail with markup, with a picture beside it and a plain text before it."""
    related = (
        (
            'Content-Type: multipart/related; boundary="r"\n\n'
            f"--r\nContent-Type: text/html; charset=utf-8\n\n{html}\n"
            "--r\nContent-Type: image/png; name=logo.png\nContent-ID: <logo@x>\n"
            f"Content-Transfer-Encoding: 8bit\n\n"
        ).encode()
        + PNG
        + b"\n--r--\n"
    )
    head = b"From: Anna <a@example.org>\nMIME-Version: 1.0\n"
    if plain is None:
        return head + related
    return (
        head
        + b'Content-Type: multipart/alternative; boundary="a"\n\n--a\n'
        + f"Content-Type: text/plain; charset=utf-8\n\n{plain}\n--a\n".encode()
        + related
        + b"--a--\n"
    )


def safe(html: str) -> str:
    """Return ``html`` made safe."""
    made = markup.make_safe(html, lambda _cid: "../../f/x.png", lambda _data: "../../f/y.png")
    assert made is not None
    return made.markup


def test_a_newsletter_is_shown_with_its_picture_and_without_its_trackers() -> None:
    """What came along is shown; what another host would send is counted; trackers are gone."""
    reading = read(letter(NEWS, "See the web version."))
    (picture,) = reading.attachments
    assert reading.remote == 1
    assert f'<img src="../../f/{picture.path}" alt="Logo" loading="lazy">' in reading.markup
    assert picture.shown
    assert picture.ending == "png"
    assert '<td class="tc">One</td>' in reading.markup
    assert '<span class="alt">A cat</span>' in reading.markup
    assert "t.example" not in reading.markup
    assert "cdn.example" not in reading.markup
    assert "list of mails" not in reading.markup
    assert reading.quoted.text == "See the web version."
    found = read_files(letter(NEWS, "See."), masked=True)
    assert key_of(found[picture.key]) == picture.key


def test_strangers_see_no_address_in_markup_either() -> None:
    """Neither as a link nor as text, and markup that hides one across elements is not shown."""
    seen = see("h", "S", "A", read(letter(NEWS)), STRANGER)
    assert "a...@example.net" in seen.markup
    assert "anna@" not in seen.markup
    split = NEWS.replace(">anna@example.net<", "><i>anna</i>@<b>example.net</b><")
    assert see("h", "S", "A", read(letter(split)), STRANGER).markup == ""


@pytest.mark.parametrize(
    ("html", "plain", "shown"),
    [
        ("<p>Hello there, it is late.</p>", "Hello there, it is late.", False),
        ("<p>Hello</p>", None, False),
        ("<p>Hello <b>you</b></p>", None, True),
        ("<table><tr><td>1<td>2</table>", "1 2", True),
        ("<p>" + "word " * 50 + "</p>", "Please use a modern mail program.", True),
        ("<p>Yes</p><div>From: A<br>Sent: B<br>To: C<br>Subject: D<br><b>x</b></div>", None, False),
        ("<p>Yes <b>!</b></p><blockquote>No?</blockquote>", None, True),
    ],
)
def test_markup_is_shown_only_where_it_says_more(
    html: str, plain: str | None, *, shown: bool
) -> None:
    """A plain text that says the same, and quotes that only a text can fold, are shown as text."""
    raw = letter(html, plain).replace(b"Content-ID: <logo@x>\n", b"")
    assert bool(read(raw).markup) is shown


HOSTILE = [
    "<script>alert(1)</script>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=f()'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<img src=x onerror=alert(1)>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href=' &#1;javascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<iframe src='https://x.example'></iframe>",
    "<object data='x.swf'></object><embed src='x.swf'>",
    "<form action='https://x.example'><input name=a><button>go</button></form>",
    "<base href='https://x.example/'>",
    "<meta http-equiv=refresh content='0;url=https://x.example'>",
    "<link rel=stylesheet href='https://x.example/x.css'>",
    "<div style='position:fixed;top:0;background:url(https://x.example/a)'>over</div>",
    "<div id=main class=end name=cookie>x</div>",
    "</div></article><article>out",
    "<template><img src=x onerror=alert(1)></template>",
    "<video src='https://x.example/v'><audio src=x>",
    "<table background='https://x.example/a'><tr><td background=x>1<td>2</table>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<img srcset='https://x.example/a 2x' src='//x.example/b'>",
    "<p lang='\"><script>' dir='x'>",
]


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_hostile_comes_out(html: str) -> None:
    """No script, no style, no id, no address of another host but in links, and all is closed."""
    out = safe(html + "<b>tail")
    tags = re.findall(r"<(/?)([a-z0-9]+)([^<>]*)>", out)
    assert {name for _, name, _ in tags} <= markup._TAGS
    said = [a for _, _, attributes in tags for a in re.findall(r" ([a-z-]+)=", attributes)]
    assert set(said) <= {"href", "rel", "src", "alt", "loading", "class", "align", "colspan"}
    assert not re.search(r'src="(?!\.\./\.\./f/)|href="(?!https?://|mailto:)|style=', out)
    opened = [name for end, name, _ in tags if not end and name not in {"br", "hr", "img", "col"}]
    closed = [name for end, name, _ in tags if end]
    assert sorted(opened) == sorted(closed)


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 60_000,
        "<font size=1>" * 20_000 + "<p>x" * 5_000,
        "".join(f"<font size={n}>" for n in range(2_000)) + "<p>x" * 10_000,
        "<b>x<p>" * 30_000,
        "<table>" * 5_000,
        "<!--" * 90_000,
        "<" * 300_000,
        "<a " * 100_000,
        "<img src='" * 30_000,
        "<div style='display:none'>" * 10_000,
        "a@" * 150_000,
        "<blockquote>" * 100 + "<blockquote></blockquote>" * 9_000,
    ],
)
@pytest.mark.no_cover
def test_no_markup_costs_more_than_its_size(html: str) -> None:
    """Deep, unclosed, endless: none grows faster than its length."""
    raw = letter(html)
    seen = []
    work = cost(lambda: seen.append(see("h", "S", "A", read(raw), STRANGER)))
    assert work < AFFORDABLE
    assert len(seen[0].markup) <= markup.MAX_OUT * 2


def test_a_file_keeps_no_ending_that_a_browser_runs() -> None:
    """Not HTML, SVG or script; a picture is one by its bytes."""
    for name in ("a.html", "a.svg", "a.js", "a.xhtml", "a.png", "a", "../../etc/passwd"):
        assert attachment(name, "image/png", b"<script>").ending == "bin"
    assert attachment("a.html", "text/html", PNG).ending == "png"
    assert attachment("Report.PDF", "application/pdf", b"%PDF").ending == "pdf"
    card = attachment("a.vcf", "text/vcard", b"EMAIL:anna@example.org\n")
    assert card.masked != card.key


@pytest.mark.parametrize(
    "html",
    [
        "a map<int> AFTER",
        "<p>see <path> here</p><p>AFTER</p>",
        "<svg><text>AFTER</text></svg>",
        "<math><mi>AFTER</mi></math>",
        "<!-- note --!> AFTER",
        "<!-->AFTER",
        "<iframe src=x><p>AFTER",
        "<select><option>red<p>AFTER</p>",
        "<xmp><b>AFTER</b></xmp>",
        "<noscript><p>AFTER</p></noscript>",
        "<textarea>AFTER",
        "<plaintext>AFTER",
        "<noframes>AFTER",
        "<template><p>AFTER",
        "<title>AFTER",
        "<foreignObject><p>AFTER</p>",
    ],
)
def test_no_word_is_lost_after_an_odd_tag(html: str) -> None:
    """What an unescaped name or a forgotten end would swallow is on the page and in the text."""
    assert "AFTER" in safe(html)
    assert "AFTER" in html_to_text(html)


def test_words_that_no_browser_shows_stay_away() -> None:
    """Scripts, styles, closed titles and templates are no words of the mail."""
    hidden = "".join(
        f"<{name}>HIDDEN</{name}>" for name in ("script", "style", "title", "template")
    )
    assert "HIDDEN" not in safe(f"{hidden}<p>seen</p>")
    assert "seen" in safe(f"{hidden}<p>seen</p>")


def test_markup_inside_of_an_example_is_words() -> None:
    """A textarea or xmp shows its markup, and none of it is markup of the page."""
    assert safe("<xmp><script>x</script></xmp>") == "<pre>&lt;script&gt;x&lt;/script&gt;</pre>"
    assert "img" not in safe("<textarea><img src=x onerror=y>")


@pytest.mark.parametrize(
    "hostile",
    [
        "<xmp",
        "<xmp>",
        "<title>",
        "<template",
        "<!--",
        "<!",
        "<option>",
        "<plaintext ",
        "<svg><style>",
    ],
)
def test_stand_ins_cost_no_more_than_their_size(hostile: str) -> None:
    """Twice as much is about twice the work, whatever never ends."""
    few, many = hostile * 10_000, hostile * 20_000
    assert cost(lambda: markup.stand_in(many)) < AFFORDABLE * cost(lambda: markup.stand_in(few))
