"""A newsletter that moves in with four exports: nobody who left there is mailed from here."""

from mailer.rehearsal.sink import Caught
from tests.tree import Krets, running, wait_for

LIST = "news@example.org"
GHOST = """id,email,name,subscribed_to_emails,created_at,deleted_at
1,greta@x.example,Greta,true,2022-05-05T10:00:00.000Z,
2,gone1@x.example,Gone,false,2022-05-05T10:00:00.000Z,
3,gone2@x.example,Gone,true,2022-05-05T10:00:00.000Z,2023-01-01T00:00:00.000Z
"""
LISTMONK = """uuid,email,name,attributes,status,created_at
1,lina@x.example,Lina,"{""city"": ""Lund""}",enabled,2022-05-05T10:00:00Z
2,gone3@x.example,Gone,{},blocklisted,2022-05-05T10:00:00Z
3,gone4@x.example,Gone,{},disabled,2022-05-05T10:00:00Z
"""
MAILMAN = """email,display_name,delivery_mode,delivery_status
mona@x.example,Mona,regular,enabled
rest1@x.example,Rest,regular,by_user
gone5@x.example,Gone,regular,by_bounces
"""
SUBSCRIBED = """Email Address,First Name,OPTIN_TIME,CONFIRM_TIME,NOTES
anna@x.example,Anna,2021-03-05 10:11:12,2021-03-05 10:12:00,"wrote from
stranger@x.example
last year"
gone6@x.example,Gone,2021-03-05 10:11:12,2021-03-05 10:12:00,
"""
UNSUBSCRIBED = """Email Address,First Name,UNSUB_TIME,UNSUB_REASON
gone6@x.example,Gone,2022-02-02 10:00:00,NORMAL
gone7@x.example,Gone,2022-02-02 10:00:00,NORMAL
"""
CLEANED = """Email Address,First Name
gone8@x.example,Gone
"""
FILES = {
    "ghost.csv": GHOST,
    "listmonk.csv": LISTMONK,
    "mailman.csv": MAILMAN,
    "subscribed_members_export_1.csv": SUBSCRIBED,
    "unsubscribed_members_export_1.csv": UNSUBSCRIBED,
    "cleaned_members_export_1.csv": CLEANED,
}


def test_nobody_who_left_at_the_old_service_gets_the_next_issue(
    krets: Krets, outbox: list[Caught]
) -> None:
    krets.krets("list", "create", LIST, "--kind", "newsletter", "--title", "News")
    for name, text in FILES.items():
        file = krets.folder / name
        file.write_text(text, encoding="utf-8")
        words = ("member", "import", LIST, str(file), "--consent", "joined the old list")
        told = krets.json(*words, "--yes", "--json")
        assert sum(told["ends"].values()) == told["lines"] == sum(told["fates"].values())
    (krets.folder / "draft.md").write_text("---\nsubject: Moved\n---\nWe have moved.\n")
    sent = krets.json("newsletter", "send", LIST, str(krets.folder / "draft.md"), "--yes")
    mailing = str(sent["mailing"])
    with running(krets):
        krets.krets("newsletter", "status", mailing, "--watch")
        assert krets.json("newsletter", "status", mailing)["state"] == "done"
        wait_for("four copies", lambda: len(outbox) >= 4)
    assert sorted(caught.recipients[0] for caught in outbox) == [
        "anna@x.example",
        "greta@x.example",
        "lina@x.example",
        "mona@x.example",
    ]
