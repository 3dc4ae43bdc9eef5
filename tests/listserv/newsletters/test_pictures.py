"""Pictures of an issue: taken from any mail program, made small, shown to whoever was sent them."""

import base64
import email
import io
import re
import struct
import time
import zlib
from email.mime.image import MIMEImage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image, ImageCms
from sqlalchemy import delete, select, update

from listserv.cli.archive import archives
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.writing import picture_processing, pictures
from listserv.newsletters.writing.picture_processing import Developed, Spoilt
from listserv.newsletters.writing.pictures import PictureFile
from listserv.upkeep import retention
from listserv.web.door import build
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from listserv.wiring.listserv_tables import DraftUnderReview, Picture
from mailer.errors import BadInput
from mailer.ledger.mailings import UnsurePolicy
from mailer.reading import addresses, bodies
from mailer.reading.attachments import key_of
from mailer.storage.store import Store, get_raw
from subscriptions.lists import roster
from subscriptions.lists.openness import set_archive
from subscriptions.lists.roster import ArchivePolicy, ListKind, Role
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission import budget
from subscriptions.permission.consent import ConsentNote, Source
from tests.listserv.web.conftest import Web
from tests.place import Place, Silent, text

NEWS, ISSUE, OLGA = "news@example.org", "news-issue@example.org", "olga@example.org"
PAGE = f"https://lists.example/{NEWS}/"


def encoded(picture: Image.Image, kind: str, **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)  # type: ignore[arg-type]
    return out.getvalue()


@cache
def photo() -> bytes:
    """Return a photograph taken sideways, with a camera and a profile in it."""
    picture = Image.linear_gradient("L").resize((1600, 1200)).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it a quarter to the right
    exif[0x010F] = "Secret Camera"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return encoded(picture, "JPEG", exif=exif, icc_profile=profile, comment=b"hush")


DOT = encoded(Image.new("RGB", (40, 30), (9, 90, 9)), "PNG")
MOVING = encoded(
    Image.new("RGB", (60, 40), (200, 0, 0)),
    "GIF",
    save_all=True,
    append_images=[Image.new("RGB", (60, 40), (0, 0, 200))],
)


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    """Make a newsletter with one editor."""
    settings = Settings(
        listserv=ListservSettings(domain="example.org", base_url="https://lists.example"),
        mailer=MailerSettings(data=tmp_path),
    )
    app = App(settings)
    app.__dict__.update(store=store, bells=Silent())
    with store.write() as session:
        lst = roster.create_list(session, NEWS, kind=ListKind.NEWSLETTER, title="Garden", now=1.0)
        note = ConsentNote("asked", Source.CLI)
        who = Candidate(addresses.parse(OLGA), name="Olga", role=Role.EDITOR, consent=note)
        add_member(session, lst, who, keyring=app.keyring, now=1e9)
    return Place(app)


def kept(place: Place) -> list[Picture]:
    with place.app.store.read() as session:
        return list(session.scalars(select(Picture).order_by(Picture.id)))


def source(place: Place) -> str:
    with place.app.store.read() as session:
        return (
            session.scalars(
                select(DraftUnderReview.source).order_by(DraftUnderReview.id.desc())
            ).first()
            or ""
        )


def part(data: bytes, name: str, *, cid: str = "", inline: bool = False) -> MIMEImage:
    made = MIMEImage(data, "jpeg" if name.endswith("jpg") else "png", name=name)
    made.add_header("Content-Disposition", "inline" if inline else "attachment", filename=name)
    if cid:
        made["Content-ID"] = f"<{cid}>"
    return made


def mail(kind: str, *parts: object) -> MIMEMultipart:
    made = MIMEMultipart(kind)
    for one in parts:
        made.attach(one)  # type: ignore[arg-type]
    return made


def send(place: Place, made: MIMEMultipart, number: int = 1) -> None:
    for name, value in (
        ("From", OLGA), ("To", ISSUE), ("Subject", "November"),
        ("Message-ID", f"<p{number}@x.example>"),
    ):  # fmt: skip
        made[name] = value
    place.take(made.as_bytes(), OLGA, ISSUE)


def plain(words: str) -> MIMEText:
    return MIMEText(words, "plain", "utf-8")


def html(words: str) -> MIMEText:
    return MIMEText(words, "html", "utf-8")


def test_a_photograph_is_turned_upright_made_small_and_says_nothing_of_who_took_it() -> None:
    made, drawing, moving, webp, clear = picture_processing.develop(
        [
            photo(), DOT, MOVING, encoded(Image.new("RGB", (50, 50)), "WEBP"),
            encoded(Image.new("RGBA", (1500, 20), (9, 9, 9, 9)), "PNG"),
        ]
    )  # fmt: skip
    assert isinstance(made, Developed)
    assert (made.ending, made.width, made.height) == ("jpg", 1200, 1600)
    with Image.open(io.BytesIO(made.data)) as shown:
        assert not shown.getexif()
        assert "icc_profile" not in shown.info
        assert "comment" not in shown.info
        assert shown.convert("L").getpixel((1190, 5)) < 20  # what was above is now at the right
    assert b"Secret" not in made.data
    assert isinstance(drawing, Developed)
    assert (drawing.ending, drawing.width, drawing.height) == ("png", 40, 30)
    assert isinstance(moving, Developed)
    with Image.open(io.BytesIO(moving.data)) as shown:
        assert (moving.ending, getattr(shown, "n_frames", 1)) == ("gif", 2)
    assert isinstance(webp, Developed)
    assert webp.ending == "jpg"  # Outlook shows no WebP
    assert isinstance(clear, Developed)
    assert (clear.ending, clear.width) == ("png", 1200)


def test_hostile_pictures_are_refused_by_name_and_cost_the_others_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n\0\0\0\r" + claim + struct.pack(">I", zlib.crc32(claim))
    bomb += b"\0\0\1\0IDAT" + bytes(300)
    svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    found = picture_processing.develop(
        [
            bomb,
            svg,
            photo()[:3000],
            DOT,
            b"",
            bytes(picture_processing.BYTES + 1),
            b"%!PS-Adobe",
            DOT,
        ]
    )
    assert [one.why if isinstance(one, Spoilt) else one.ending for one in found] == [
        "pixels", "kind", "broken", "png", "kind", "large", "kind", "png",
    ]  # fmt: skip
    # A picture that kills its process spoils itself and nothing else.
    real = picture_processing._ask

    def dies_over_svg(pictures: list[bytes]) -> list[picture_processing.Result]:
        return [] if pictures[0] is svg else real(pictures)[: 1 if svg in pictures else None]

    monkeypatch.setattr(picture_processing, "_ask", dies_over_svg)
    found = picture_processing.develop([DOT, svg, DOT])
    assert [isinstance(one, Developed) for one in found] == [True, False, True]
    # One that is tired after many good ones gets another; one that always dies is not asked again.
    asked: list[int] = []

    def tired(pictures: list[bytes]) -> list[picture_processing.Result]:
        asked.append(len(pictures))
        return real(pictures[:2])

    monkeypatch.setattr(picture_processing, "_ask", tired)
    assert all(isinstance(one, Developed) for one in picture_processing.develop([DOT] * 5))
    assert asked == [5, 3, 1]
    monkeypatch.setattr(
        picture_processing, "_ask", lambda pictures: asked.append(len(pictures)) or []
    )
    assert {type(one) for one in picture_processing.develop([DOT] * 9)} == {Spoilt}
    assert asked[3:] == [9, 8, 7, 6, 5]


SHAPES = {
    "markdown, attached": lambda: mail(
        "mixed", plain('# Pond\n\n![The pond](Pond.JPG "Mist")\n'), part(photo(), "pond.jpg"),
    ),
    "gmail, inline": lambda: mail(
        "related",
        mail(
            "alternative",
            plain("*Pond*\n[image: pond.jpg]\n"),
            html('<div><b>Pond</b></div><img src="cid:ii_1" alt="pond.jpg" width="500">'),
        ),
        part(photo(), "pond.jpg", cid="ii_1", inline=True),
    ),
    "outlook, inline": lambda: mail(
        "related",
        html('<p class=MsoNormal><b>Pond</b></p><p class=MsoNormal><img id="P1" width=400 '
             'src="cid:image001.jpg@01DB2F.77" alt="The pond"></p>'),
        part(photo(), "image001.jpg", cid="image001.jpg@01DB2F.77", inline=True),
    ),
    "apple, between two pieces of markup": lambda: mail(
        "alternative",
        plain("Pond\n\n\n\nMore."),
        mail(
            "mixed",
            html("<html><body><b>Pond</b></body></html>"),
            part(photo(), "IMG_1.jpg", inline=True),
            html("<html><body><b>More</b></body></html>"),
        ),
    ),
    "apple, plain": lambda: mail(
        "mixed", plain("Pond\n"), part(photo(), "IMG_1.jpg", inline=True), plain("More.\n"),
    ),
    "attached and not named": lambda: mail("mixed", plain("Pond\n"), part(photo(), "IMG_1.jpg")),
    "inside the page's own text": lambda: mail(
        "alternative",
        html("<b>Pond</b><img alt='x' src='data:image/jpeg;base64,"
             + base64.b64encode(photo()).decode() + "'>"),
    ),
}  # fmt: skip


def test_a_picture_stands_where_the_editor_put_it_whatever_the_program(place: Place) -> None:
    wrong = []
    for number, (shape, make) in enumerate(SHAPES.items()):
        send(place, make(), number)
        (one,) = kept(place)  # the same picture each time
        assert (one.width, one.height, one.ending) == (1200, 1600, "jpg")
        said = source(place)
        words = [said.find("Pond"), said.find(f"{PAGE}f/{one.key}.jpg"), said.find("More")]
        if (
            -1 in words[:2]
            or sorted(words[: 2 + ("More" in said)]) != words[: 2 + ("More" in said)]
        ):
            wrong.append((shape, said))
        proof, report = place.mails(OLGA)[-2:]
        sheet = next(p for p in proof.walk() if p.get_content_type() == "text/html")
        shown = sheet.get_payload(decode=True).decode()  # type: ignore[union-attr]
        tag = re.search(rf"<img [^>]*{one.key}[^>]*>", shown)
        assert tag is not None, shape
        width, height = (int(re.search(rf'{n}="(\d+)"', tag[0])[1]) for n in ("width", "height"))  # type: ignore[index]
        assert height == round(width * 4 / 3)
        asked = "says nothing to those" in " ".join(text(report).split())
        assert asked == ('alt=""' in tag[0]), shape
    assert not wrong


def test_a_logo_in_a_signature_stays_behind_and_what_is_not_in_the_text_is_named(
    place: Place,
) -> None:
    logo = html('<p><b>Hi</b></p><div class="gmail_signature"><img src="cid:logo"></div>')
    send(place, mail("related", logo, part(DOT, "logo.png", cid="logo", inline=True)))
    assert not kept(place)
    assert "logo" not in text(place.mails(OLGA)[1])
    both = mail("alternative", plain("# Markdown\n"), html('<p># Markdown</p><img src="cid:a">'))
    noise = encoded(Image.effect_noise((400, 400), 90), "PNG")
    send(place, mail("related", both, part(noise, "lost.png", cid="a", inline=True)), 2)
    said = " ".join(text(place.mails(OLGA)[3]).split())
    assert "The picture lost.png is not in the text." in said
    assert not kept(place)


def test_a_picture_that_cannot_be_used_is_named_with_its_line_and_cure(
    place: Place, tmp_path: Path
) -> None:
    draft = "---\nsubject: x\n---\n\nHello\n\n![a](pond.jpg)\n"
    (tmp_path / "pond.jpg").write_bytes(bytes(30_000_000))

    def trouble(said: str = draft, folder: Path | None = tmp_path) -> str:
        with pytest.raises(BadInput) as caught:
            issue_sending.survey(place.app, NEWS, said.encode(), 1e9, readers=False, folder=folder)
        return f"{caught.value.what} {caught.value.fix}"

    assert trouble() == (
        "Line 7: the picture 'pond.jpg' has 30 MB; 20 MB are the most. Save it 1,200 pixels wide."
    )
    (tmp_path / "pond.jpg").write_bytes(b"ftypheic")
    assert "Line 7: the picture 'pond.jpg' cannot be read. Save it as JPEG" in trouble()
    assert "Line 7: there is no picture 'pond.jpg'." in trouble(folder=None)
    for name in ("../pond.jpg", "/etc/passwd", "nobody.jpg"):
        assert "there is no picture" in trouble(draft.replace("pond.jpg", name), tmp_path / "x")
    many = draft + "".join(f"\n![a]({n}.png)\n" for n in range(pictures.MOST + 1))
    for n in range(pictures.MOST + 1):
        (tmp_path / f"{n}.png").write_bytes(DOT)
    (tmp_path / "pond.jpg").write_bytes(DOT)
    assert "40 pictures, not" in trouble(many)
    send(place, mail("mixed", plain("Hi\n\n![a](pond.heic)\n"), part(b"ftypheic", "pond.heic")))
    said = " ".join(text(place.mails(OLGA)[0]).split())
    assert 'The picture "pond.heic" cannot be read. Save it as JPEG or PNG.' in said
    assert not kept(place)


def test_names_are_found_as_people_write_them() -> None:
    files = [
        PictureFile("Dammen (1).png", DOT),
        PictureFile("a\u030angbåt.png", DOT),
        PictureFile("x.png", DOT, "c"),
    ]
    said = (
        "![Hej](Dammen (1).png)\n![](./ångbåt.PNG 'no')\n![](ångbåt)\n"
        "[![q](<x.png>)](https://a.example)\n```\n![](x.png)\n```\n    ![](y.png)\n![](https://b.example/z.png)\n![IMG_12](cid:c)\n"
    )
    placed, made = pictures.place(said.replace(" 'no'", ' "yes"'), files, PAGE)
    address = f"{PAGE}f/{made[0].key}.png"
    assert placed.split("\n") == [
        f"![Hej]({address})", f'![]({address} "yes")', f"![]({address})",
        f"[![q]({address})](https://a.example)", "```", "![](x.png)", "```", "    ![](y.png)",
        "![](https://b.example/z.png)", f"![]({address})", "",
    ]  # fmt: skip
    assert pictures.place(placed, (), PAGE) == (placed, ())


def test_a_sent_picture_is_in_the_archive_for_ever_and_what_was_never_sent_goes(
    place: Place, tmp_path: Path
) -> None:
    app = place.app
    (tmp_path / "pond.png").write_bytes(DOT)
    other = encoded(Image.new("RGB", (41, 30)), "PNG")
    draft = b"---\nsubject: x\n---\n\nA pond\n\n![The pond](pond.png)\n"
    survey = issue_sending.survey(app, NEWS, draft, 1e9, folder=tmp_path)
    assert not kept(place)  # to look at a draft writes nothing
    issue_sending.begin(app, survey.lst, survey.ready, policy=UnsurePolicy.NEVER_TWICE, now=1e9)
    send(place, mail("mixed", plain("Hi\n\n![a](o.png)"), part(other, "o.png")))
    sent, unsent = kept(place)
    assert (sent.sent, unsent.sent) == (True, False)
    with app.store.read() as session:
        raw = get_raw(session, survey.ready.kept.sha) or b""
    made = email.message_from_bytes(raw)
    assert made.get_content_type() == "multipart/related"
    assert list(bodies.read_files(raw, masked=True)) == [sent.key]
    reading = bodies.read(raw)
    assert f"../../f/{sent.key}.png" in reading.markup
    assert "https://lists.example" not in reading.markup.replace(PAGE + "m/", "")
    with app.store.write() as session:
        session.execute(update(Picture).values(taken_at=1.0))
    for _ in range(5):
        retention.tend(app, time.time())
    assert [one.id for one in kept(place)] == [sent.id, unsent.id]  # its draft is there still
    with app.store.write() as session:
        session.execute(update(DraftUnderReview).values(changed=1.0))
    for _ in range(5):
        retention.tend(app, time.time())
    assert [one.id for one in kept(place)] == [sent.id]
    with app.store.read() as session:
        assert not list(session.scalars(select(DraftUnderReview)))


def test_a_picture_is_public_from_the_proof_on_under_an_address_that_never_changes(
    place: Place,
) -> None:
    with place.app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), archive=ArchivePolicy.MEMBERS)
    send(place, mail("mixed", plain("Hi\n\n![a](o.png)"), part(DOT, "o.png")))
    (one,) = kept(place)
    web = Web(place.app, build(place.app, dict))
    got = web.get(f"/{NEWS}/f/{one.key}.png")
    assert (got.status, got.headers["content-type"]) == (200, "image/png")
    assert key_of(got.body) == one.key
    assert "immutable" in got.headers["cache-control"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert web.get(f"/{NEWS}/f/{one.key}.jpg").status == 403  # as everything a member's is
    assert web.get(f"/nobody@example.org/f/{one.key}.png").status == 404
    with place.app.store.write() as session:
        session.execute(delete(Picture))
    assert web.get(f"/{NEWS}/f/{one.key}.png").status == 403


def test_a_draft_beyond_the_budget_leaves_no_picture_behind(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "DRAFTS", 2)
    for number in range(4):
        dot = encoded(Image.new("RGB", (9, 9 + number)), "PNG")
        send(place, mail("mixed", plain("Hi\n\n![a](o.png)"), part(dot, "o.png")), number)
    assert len(kept(place)) == 2


def test_a_new_text_may_name_the_pictures_of_the_old_and_bring_others(place: Place) -> None:
    send(place, mail("mixed", plain("Hi all\n\n![a](o.png)"), part(DOT, "o.png")))
    (one,) = kept(place)
    report = place.mails(OLGA)[-1]
    made = mail(
        "mixed",
        plain(
            "new text\n\nsubject: Other\n\nHello all of you\n\n![again](o.png)\n\n![b](new.jpg)\n"
        ),
        part(photo(), "new.jpg"),
    )
    to = str(report["Reply-To"]).strip("<>")
    made["From"], made["To"], made["Message-ID"] = OLGA, to, "<again@x.example>"
    place.take(made.as_bytes(), OLGA, to)
    old, new = kept(place)
    assert old.id == one.id
    said = source(place)
    assert f"![again]({PAGE}f/{old.key}.png)" in said
    assert f"![b]({PAGE}f/{new.key}.jpg)" in said


def test_pictures_that_no_reader_could_fetch_stand_in_red(place: Place) -> None:
    settings = place.app.settings.listserv
    object.__setattr__(settings, "base_url", "http://localhost:8080")
    send(place, mail("mixed", plain("Hi all\n\n![a](o.png)"), part(DOT, "o.png")))
    said = " ".join(text(place.mails(OLGA)[-1]).split())
    assert "RED: Readers could not see the pictures: they would be at http://localhost:8080" in said


def test_a_redacted_issue_shows_its_pictures_to_nobody_and_another_keeps_its_own(
    place: Place, tmp_path: Path
) -> None:
    """Not in the export, the database, or any answer; ``--attachment`` takes the shared one too."""
    app, web = place.app, Web(place.app, build(place.app, dict))
    with app.store.write() as session:
        set_archive(roster.get_list(session, NEWS), ArchivePolicy.PUBLIC, 0.0, past=True)
    alone = encoded(Image.new("RGB", (41, 30)), "PNG")
    ids = []
    for number, names in enumerate((("a.png", "b.png"), ("b.png",))):
        for name, data in (("a.png", alone), ("b.png", DOT)):
            (tmp_path / name).write_bytes(data)
        said = "".join(f"![words](./{name})\n\n" for name in names)
        draft = f"---\nsubject: Issue {number}\n---\n\nA pond {number}\n\n{said}".encode()
        survey = issue_sending.survey(app, NEWS, draft, 1e9, folder=tmp_path)
        issue_sending.begin(app, survey.lst, survey.ready, policy=UnsurePolicy.NEVER_TWICE, now=1e9)
        ids.append(survey.ready.issue.message_id)
    one, other = kept(place)
    source_of = f"---\nsubject: x\n---\n\nAgain\n\n![a]({PAGE}f/{one.key}.png)\n".encode()
    issue_sending.survey(app, NEWS, source_of, 1e9, readers=False)

    def redacted(*words: str) -> tuple[list[int], set[str]]:
        """Redact; return the answers of the web door by status, and what the export holds."""
        ran = CliRunner().invoke(archives, ["redact", NEWS, *words, "--yes"], obj=app)
        assert ran.exit_code == 0, ran.output
        folder = tmp_path / f"site{len(words[1])}"
        ran = CliRunner().invoke(archives, ["export", NEWS, str(folder)], obj=app)
        assert ran.exit_code == 0, ran.output
        paths = [*folder.rglob("*"), *app.settings.archive_path.rglob("*")]
        files = [path.read_bytes() for path in paths if path.is_file()]
        found = {name for name, data in zip("ab", (one, other), strict=True) if data.data in files}
        answers = [web.get(f"/{NEWS}/f/{each.key}.png").status for each in (one, other)]
        return answers, found

    assert redacted("--message", ids[0]) == ([404, 200], {"b"})
    assert [each.key for each in kept(place)] == [other.key]
    with pytest.raises(BadInput, match="there is no picture"):  # in a draft that nobody has sent
        issue_sending.survey(app, NEWS, source_of, 1e9, readers=False)
    assert redacted("--attachment", f"{other.key}.png") == ([404, 404], set())
    assert not kept(place)
