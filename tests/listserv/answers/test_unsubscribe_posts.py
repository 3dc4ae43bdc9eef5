"""A post that says nothing but "unsubscribe me" is known in many languages, and no other is."""

import lzma
import mailbox
from contextlib import closing
from pathlib import Path

import pytest

from listserv.answers import own_words
from listserv.answers.unsubscribe_posts import is_leave_wish
from mailer.reading import bodies, message

WISHES = [
    ("unsubscribe", "Please remove me from this list!!!"),
    ("Unsubscribe", ""),
    ("", "unsubscribe"),
    ("Re: [friends] Digest", "Please unsubscribe me. Thanks, Bob"),
    ("hello", "How do I unsubscribe from this list?"),
    ("Re: Möte", "Ta bort mig från listan, tack!"),
    ("avsluta", ""),
    ("x", "Vill inte ha fler mejl. Mvh Anna"),
    ("cancellami", "Cancellatemi per favore da questa lista"),
    ("x", "Vă rog să mă scoateți din listă. Mulțumesc"),
    ("x", "Отпишите меня, пожалуйста"),
    ("x", "Не хочу получать ваши письма"),
    ("x", "Schrijf mij uit aub"),
    ("x", "Gelieve mij van de lijst halen"),
    (
        "x",
        "Hi,\n\nI don't want to receive these emails. Please take me off.\n\nRegards\nBob Smith",
    ),
    ("remove", ""),
    ("STOP", ""),
    ("Re: News", "stop"),
    ("x", "Bitte tragen Sie mich aus."),
    ("x", "unsuscribe"),
    ("UNSUBSCRIBE", "unsubscribe anna@example.net"),
]
POSTS = [
    ("Leaving the house", "Please don't remove me from this list."),
    (
        "Unsubscribe links",
        "Newsletters must have a link to unsubscribe. I wrote a guide, see the wiki for more.",
    ),
    ("Re: x", "I will leave on Monday and take the bus. Remove me from the seating plan, I stand."),
    ("Remove", "How do I remove the old paint from a window? It is lead."),
    ("Leave", "Can I take leave in May?"),
    ("x", "Some people want to unsubscribe, let us ask why."),
    ("x", "Who can take me off the roof?"),
]


@pytest.mark.parametrize(("subject", "text"), WISHES)
def test_a_wish_to_leave_is_known_whatever_politeness_stands_around_it(
    subject: str, text: str
) -> None:
    assert is_leave_wish(subject, text)


@pytest.mark.parametrize(("subject", "text"), POSTS)
def test_a_post_about_leaving_or_against_it_is_a_post(subject: str, text: str) -> None:
    assert not is_leave_wish(subject, text)


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.journey)])
def test_none_of_two_thousand_real_posts_is_taken_for_one(
    corpora: Path, tmp_path: Path, every: int
) -> None:
    path = tmp_path / "box"
    path.write_bytes(lzma.decompress((corpora / "community" / "speakup.mbox.xz").read_bytes()))
    with closing(mailbox.mbox(path, create=False)) as box:
        posts = [one.as_bytes() for one in box]
    found = [
        subject
        for raw in posts[::every]
        if is_leave_wish(
            subject := message.head(raw).text("subject"),
            own_words.read(bodies.read(raw).quoted).whole,
        )
    ]
    assert found == []
