"""Write as an owner does, and look at what came of it."""

from subscriptions.lists import roster
from subscriptions.lists.roster import MailList, Membership
from tests.place import LIST, OWNER, Place, text

REQUEST = "friends-request@example.org"
BO = "bo@example.com"


def said(place: Place, to: str = OWNER) -> str:
    """Return the words of the last mail to somebody."""
    return " ".join(text(place.mails(to)[-1]).split())


def order(place: Place, words: str, sender: str = OWNER, answer: str = "yes") -> None:
    """Write an order and answer the question that comes."""
    place.write(sender, REQUEST, words)
    place.reply(place.mails(sender)[-1], answer, sender)


def member(place: Place, address: str) -> Membership:
    with place.app.store.read() as session:
        found = roster.membership_of(session, roster.get_list(session, LIST).id, address)
    assert found is not None
    return found


def the_list(place: Place) -> MailList:
    with place.app.store.read() as session:
        return roster.get_list(session, LIST)
