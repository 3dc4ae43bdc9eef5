"""Serve the archive's files, the page of all lists, and a home for a list without mail.

SECURITY: paths come from strangers and are resolved inside one folder only; redirects name a
path, never the Host header. The members' tree has a root of its own and is opened only where
``reading`` has seen the member's cookie; what comes from there is kept by no cache.
"""

import os
import re
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import Scope

import templates
from archive.pages import index_pages, redirects
from archive.pages.views import info_of
from listserv.newsletters.writing import pictures
from listserv.web import archive_access, events
from listserv.web.files import WholeFile
from listserv.web.headers import PRIVATE, SEARCHING
from listserv.web.page_context import Caller, WebContext
from listserv.wiring.app import App
from mailer.errors import Misconfigured
from subscriptions.lists.roster import ArchivePolicy, Join, MailList, all_lists, find_list

_HOME = re.compile(r"([^/]+@[^/]+)(/(?:index\.html)?)?\Z")
_SEARCH = re.compile(r"[^/]+@[^/]+/search(?:/index\.html)?\Z")
_OLD = re.compile(rf"/([^/]+@[^/]+)/{redirects.OLD}(/.+)\Z")
_FILE = re.compile(r"[^/]+@[^/]+/f/")
_PICTURE = re.compile(r"([^/]+@[^/]+)/f/([a-z2-7]{52})\.(png|jpg|gif)\Z")
_PICTURES = {"png", "jpg", "gif", "webp"}
_TYPES = {
    "eml": "text/plain; charset=utf-8",
    "gz": "application/gzip",
    "atom": "application/atom+xml",
    "webp": "image/webp",
    "jpg": "image/jpeg",
}
_STATIC = re.compile(r"static/([a-z0-9.]+)\Z")
# The address holds the digest of the content, so it never changes.
_FOR_EVER = {"cache-control": "public, max-age=31536000, immutable"}


def show_lists(caller: Caller) -> Response:
    """Show every list that strangers may read or join, in the visitor's language."""
    with caller.app.store.read() as session:
        base = caller.app.settings.listserv.base_url
        views = [info_of(lst, base) for lst in all_lists(session) if _is_public(lst)]
    language = caller.language()
    page = templates.page("index", language, root="", accent="", lists=views)
    return HTMLResponse(page, headers={"vary": "accept-language", "content-language": language})


def _is_public(lst: MailList) -> bool:
    shown = lst.archive is ArchivePolicy.PUBLIC or lst.join is not Join.INVITE
    return shown and lst.deleted_at is None


def make_folder(app: App, tree: str = "public") -> Path:
    """Return the folder of one tree of pages, made if need be."""
    folder = app.settings.archive_path / tree
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The archive's folder {folder} cannot be made: {error.strerror}.",
            "Set archive.path to a folder that this user may write to.",
        ) from None
    return folder


class ArchiveTree(StaticFiles):
    """Serve the files of one tree of the archive."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, follow_symlink=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file; raise 404 where there is none."""
        response = await super().get_response(path, scope)
        if isinstance(response, RedirectResponse):  # a folder without its slash
            return _with_slash(scope)
        if response.status_code == 200:  # noqa: PLR2004 - OK
            response.headers.update(_headers_of(path))
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """Return the file in one piece, or the word that the caller has it already."""
        response = WholeFile(full_path, status_code, stat_result=stat_result)
        if self.is_not_modified(response.headers, Headers(scope=scope)):
            return NotModifiedResponse(response.headers)
        return response


class Pages(ArchiveTree):
    """Serve the public tree, the members' tree to members, and what no tree holds yet."""

    def __init__(self, site: WebContext) -> None:
        super().__init__(make_folder(site.app, "public"))
        self._members = ArchiveTree(make_folder(site.app, "members"))
        self._app = site.app
        self._site = site

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file, else what can be made of it."""
        inside = await self._inside(path, scope)
        if inside is not None:
            return inside
        try:
            return await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404:  # noqa: PLR2004 - not found
                raise
        if picture := await run_in_threadpool(self._picture, path):
            return picture
        access = await run_in_threadpool(archive_access.access_of, self._app, path, scope)
        live = await run_in_threadpool(self._live, path, access)
        return live or await self._rest(path, scope, access)

    def _live(self, path: str, access: archive_access.Access) -> Response | None:
        """Return a page that is made when it is asked for, kept by no cache for members alone."""
        reader = access is archive_access.Access.READER
        live = events.made(self._app, path, reader=reader)
        if live is not None and reader:
            live.headers.update({**PRIVATE, **archive_access.NO_CACHE})
        return live

    async def _rest(self, path: str, scope: Scope, access: archive_access.Access) -> Response:
        """Return what stands for a file that is nowhere; raise 404 where nothing does."""
        if access is archive_access.Access.READER:
            raise HTTPException(status_code=404)
        if access is archive_access.Access.OTHER:
            moved = await run_in_threadpool(self._moved, str(scope["path"]))
            if moved is not None:
                return moved
        made = await run_in_threadpool(self._made, path, scope)
        if made is None and access is archive_access.Access.CLOSED:
            return await run_in_threadpool(archive_access.refuse, self._site, path, scope)
        if made is None:
            raise HTTPException(status_code=404)
        return made

    def _picture(self, path: str) -> Response | None:
        """Return a picture of an issue: there from the proof on, whoever may read the archive.

        Its address is the digest of its content, known to those who were sent it, so it never
        changes; a mail program has no cookie to show.
        """
        found = _PICTURE.match(path)
        if found is None:
            return None
        with self._app.store.read() as session:
            data = pictures.find(session, *found.groups())
        if data is None:
            return None
        return Response(
            data,
            headers={
                "content-type": _TYPES.get(found[3], f"image/{found[3]}"),
                "content-security-policy": "sandbox; default-src 'none'",
                **_FOR_EVER,
                "x-robots-tag": "noindex",
            },
        )

    async def _inside(self, path: str, scope: Scope) -> Response | None:
        """Return what a member may read at an address that shows strangers less, or nothing."""
        if archive_access.COOKIE not in HTTPConnection(scope).cookies:
            return None
        access = await run_in_threadpool(archive_access.access_of, self._app, path, scope)
        if access is not archive_access.Access.READER:
            return None
        moved = await run_in_threadpool(self._moved_inside, str(scope["path"]))
        try:
            return moved or await self._to_member(path, scope)
        except HTTPException as error:
            if error.status_code != 404:  # noqa: PLR2004 - not found
                raise
        return None

    async def _to_member(self, path: str, scope: Scope) -> Response:
        """Return a file of the members' tree, for these eyes only."""
        bare = [(name, value) for name, value in scope["headers"] if not name.startswith(b"if-")]
        response = await self._members.get_response(path, {**scope, "headers": bare})
        for name, value in {**PRIVATE, **archive_access.NO_CACHE}.items():
            response.headers[name] = value
        return response

    def _moved(self, path: str) -> Response | None:
        """Return the way from an address of an archive that moved in, or of a former name."""
        with self._app.store.read() as session:
            target = redirects.renamed(session, path) or redirects.resolve(session, path)
        return None if target is None else RedirectResponse(target, status_code=301)

    def _moved_inside(self, path: str) -> Response | None:
        found = _OLD.match(path)
        if found is None:
            return None
        with self._app.store.read() as session:
            lst = find_list(session, found[1])
            target = redirects.resolve_for_member(session, lst, found[2]) if lst else None
        return None if target is None else RedirectResponse(target, status_code=307)

    def _made(self, path: str, scope: Scope) -> Response | None:
        """Return what is not on the disk yet, or None."""
        if (static := _STATIC.match(path)) and (data := templates.static_files().get(static[1])):
            return Response(data, media_type=_media(static[1]), headers=_FOR_EVER)
        found = _HOME.match(path)
        if found is None:
            return None
        with self._app.store.read() as session:
            lst = find_list(session, found[1])
            if lst is None:
                return None
            view = info_of(lst, self._app.settings.listserv.base_url)
            closed = lst.archive is not ArchivePolicy.PUBLIC
            members = lst.closed_part
        if not str(scope["path"]).endswith(("/", ".html")):
            return _with_slash(scope)
        read = f"{view.base}/{view.address}/read" if members else ""
        files = index_pages.home_file(view, index_pages.HomeThreads(), closed=closed, read=read)
        return HTMLResponse(next(iter(files.values())))


def _headers_of(path: str) -> dict[str, str]:
    """Return what is said of a file beside its type.

    SECURITY: what came with mail is handed out as a file and never as a page of ours; a picture
    may stand in a page, and nothing that it might hold runs.
    """
    ending = path.rpartition(".")[2]
    found = {"content-type": _TYPES[ending]} if ending in _TYPES else {}
    if _FILE.match(path):
        found["content-security-policy"] = "sandbox; default-src 'none'"
        if ending not in _PICTURES:
            found |= {
                "content-type": "application/octet-stream",
                "content-disposition": "attachment",
            }
    if _STATIC.match(path):
        found |= _FOR_EVER
    if _SEARCH.match(path):
        found["content-security-policy"] = SEARCHING
    return found


def _with_slash(scope: Scope) -> Response:
    """Return the redirect to the folder itself; one slash at the front keeps it on this host."""
    path = str(scope["path"]).replace("\\", "/").lstrip("/")
    return RedirectResponse(f"/{path}/", status_code=307)


def _media(name: str) -> str:
    return {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}.get(
        name.rpartition(".")[2], "application/octet-stream"
    )
