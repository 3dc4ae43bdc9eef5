"""Every theme, with long words and a table, on three widths, by day and night: axe is content."""

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize

import templates
from listserv import drafts, issues
from listserv.headers import ListFace
from listserv.looks import Look
from tests.browser.gallery import LONG, URL
from tests.browser.window import DESK, PHONE, SCHEMES, Window, look, violations

TABLET: ViewportSize = {"width": 700, "height": 900}
FACE = ListFace("news@example.org", LONG["sv"], "https://lists.example", False, True)
DRAFT = f"""---
subject: {LONG["nl"]}
preheader: Листья, чай в воскресенье и новый кран у сарая.
language: ru
---
# {LONG["ru"]}

Здравствуйте, {{{{ name }}}}, **[приходите]({URL})** или [пишите]({URL}): {URL}

![Пруд в тумане](https://garden.example/pond.png "Пруд первого ноября.")

## {LONG["ro"]}

- *Воскресенье:* чай `4711`
- Четырнадцатое

**[Приду в воскресенье]({URL})**

| Грядка | Кто поливает | Когда |
|---|---|---|
| Первая | Joost van der Molen | понедельник, среда |
| Четвёртая | Вера Преображенская | ежедневно |

> Тридцать кустов помидоров.

---

## Мелочи

    код, который не ломается
"""


def sheet(name: str, accent: str) -> str:
    theme = templates.find_theme(name)
    issue = issues.Issue(
        drafts.read(DRAFT.encode()),
        FACE,
        language="ru",
        message_id="one@example.org",
        at=1.8e9,
        imprint=issues.Imprint("Ingrid Lund", "Hamngatan 12, Malmö"),
        permalink="https://lists.example/news@example.org/m/abc/",
        look=Look(theme, templates.brand(accent or theme.accent)),
    )
    raw = issues.proof(issue, "Мария", "m@example.net", "ru", "abcdefgh", message_id="p@b.example")
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.parametrize("name", templates.theme_names())
def test_a_theme_is_wide_enough_and_can_be_read_by_everybody(
    window: Window, name: str, pictures: Path | None
) -> None:
    # Its own colour, and the two that are hardest to read on white and on black.
    sheets = {accent: sheet(name, accent) for accent in ("", "#ffe94d", "#0b0b2a")}

    def work(page: Page) -> list[str]:
        page.goto("about:blank")  # what was shown before would impose its policy on the styles
        page.route("**/*", lambda route: route.abort())
        wrong: list[str] = []
        for accent, html in sheets.items():
            for size in (PHONE, TABLET, DESK) if not accent else (PHONE,):
                for scheme in SCHEMES:
                    look(page, size, scheme)
                    page.set_content(html)
                    sight = f"{name} {accent} {size['width']} {scheme}"
                    wrong += [f"{sight}: {one}" for one in violations(page)]
                    if pictures is not None:
                        page.screenshot(path=pictures / f"{sight}.png", full_page=True)
        page.unroute_all()
        return wrong

    assert not window.do(work)
