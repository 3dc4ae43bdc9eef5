"""Build an archive of any mbox, beside public-inbox and MHonArc: CPU, memory, one more mail.

    python tests/bench/bench_archive.py old.mbox            # .gz, .bz2 and .xz too
    python tests/bench/bench_archive.py old.mbox --only krets
    python tests/bench/bench_archive.py old.mbox --grow 1,3,10     # and a plot for the docs

Each builds from nothing in a process of its own; the peers are Debian's packages (apt-get install
public-inbox mhonarc) and are left out where they are not there. Krets writes pages, feeds, JSON,
mbox and files; its search bundles are counted apart, and so is making the installation (the peers'
as well). public-inbox writes a git repository and a
Xapian index and makes its pages when they are asked for; MHonArc writes pages and no search. The
ratios of one run count, not the seconds: other work on the machine makes CPU time longer.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from archive.filing.mail_import import import_mails  # noqa: E402
from archive.filing.mail_threading import place  # noqa: E402
from archive.pages.search import write_search  # noqa: E402
from archive.pages.views import views_of  # noqa: E402
from archive.site import build  # noqa: E402 - the checkout stands above this file
from archive.threads.archive_tables import Message, Thread  # noqa: E402
from listserv.wiring.app import App  # noqa: E402
from listserv.wiring.config import load  # noqa: E402
from mailer.reading.mbox import open_mail_file, read_mbox, write_mbox  # noqa: E402
from mailer.storage.store import put_raw  # noqa: E402
from subscriptions.lists.roster import create_list, find_list, get_list  # noqa: E402

GROWTH = ROOT / "docs" / "pictures" / "archive-growth.svg"
_MARKED = re.compile(rb"<[^<>\s]{3,300}@[^<>\s]{1,300}>")
LIST = "bench@lists.example"
BASE = "https://lists.example"
MORE = (
    b"From: Bench <bench@example.org>\nMessage-ID: <one-more@bench>\nSubject: One more\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000\n%s\nOne more mail, in a few words.\n"
)
_PERL = """
use strict; use PublicInbox::InboxWritable; use PublicInbox::MboxReader;
my ($dir, $file) = @ARGV;
my $ibx = PublicInbox::InboxWritable->new({ inboxdir => $dir, name => 'b', version => 2,
    -primary_address => 'bench@lists.example', address => ['bench@lists.example'],
    indexlevel => 'full' }, { nproc => 1 });
my $im = $ibx->importer(0);
open my $fh, '<', $file or die; binmode $fh;
PublicInbox::MboxReader->mboxrd($fh, sub { $im->add($_[0]) }); $im->done;
"""
_PAGE = """
use strict; use PublicInbox::WWW;
my $www = PublicInbox::WWW->new; my $total;
package Writer { sub write { $total += length $_[1] } sub close {} }
while (my $id = <STDIN>) {
    chomp $id; $total = 0;
    my $env = { REQUEST_METHOD => 'GET', PATH_INFO => "/b/$id/T/", SCRIPT_NAME => '',
        QUERY_STRING => '', HTTP_HOST => 'lists.example', 'psgi.url_scheme' => 'https',
        SERVER_NAME => 'lists.example', SERVER_PORT => 443, 'psgi.errors' => *STDERR };
    my $take = sub {
        my ($answer) = @_; my $body = $answer->[2];
        return bless {}, 'Writer' unless defined $body;
        if (ref $body eq 'ARRAY') { $total += length $_ for @$body }
        else { while (defined(my $line = $body->getline)) { $total += length $line } }
    };
    my $answer = $www->call($env);
    ref $answer eq 'CODE' ? $answer->($take) : $take->($answer);
    print "$total\\n";
}
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold what one process and its children took: CPU seconds and peak MB."""

    cpu: float
    peak: float


def measured(*command: str, cwd: Path | None = None) -> Cost:
    """Run a command to its end and return its cost; raise where it fails."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed: {said.decode(errors='replace')[-800:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def itself(step: str, folder: Path, mbox: Path) -> tuple[Cost, dict[str, float]]:
    """Run a step of ours in a fresh process; return its cost and what it says itself."""
    told = folder / f"{step}.json"
    cost = measured(sys.executable, __file__, str(mbox), "--step", step, "--folder", str(folder))
    found: dict[str, float] = json.loads(told.read_text()) if told.exists() else {}
    return cost, found


def app_in(folder: Path) -> App:
    """Open the installation of this run."""
    app = App(load({"KRETS_MAILER__DATA": str(folder / "data")}))
    app.__dict__["ring"] = lambda _bell: None
    return app


def run_step(step: str, folder: Path, mbox: Path) -> None:
    """Do one step of Krets; write what it measured beside it."""
    app = app_in(folder)
    root = folder / "archive"
    told: dict[str, float] = {}
    if step == "init":
        with app.store.write() as session:
            create_list(session, LIST, now=time.time(), title="Bench")
    if step == "build":
        with app.store.read() as session:
            lst = get_list(session, LIST)
        with open_mail_file(mbox) as file:
            report = import_mails(app.store, lst, read_mbox(file), time.time())
        while build.render_dirty(app.store, root, BASE, list_id=lst.id):
            pass
        told = {"mails": report.new}
    with app.store.read() as session:
        lst = get_list(session, LIST)
        if step == "search":
            (view,) = views_of(session, lst, BASE)
            write_search(session, root / "public", view, lst, anew=True)
    if step == "more":
        told = one_more(app, root)
    (folder / f"{step}.json").write_text(json.dumps(told))
    app.close()


def one_more(app: App, root: Path) -> dict[str, float]:
    """Place one mail in the largest of the small threads and draw it."""
    with app.store.read() as session:
        lst = find_list(session, LIST)
        assert lst is not None
        row = session.execute(
            select(Message.message_id, Thread.size)
            .join(Thread, Thread.hash == Message.hash)
            .where(Thread.list_id == lst.id, Thread.size <= build.LARGE)
            .order_by(Thread.size.desc())
        ).first()
    before = {p: p.stat().st_mtime_ns for p in root.rglob("*") if p.is_file()}
    field = f"In-Reply-To: <{row.message_id}>\n".encode() if row else b""
    costs = []
    for number in range(3):
        raw = (MORE % field).replace(b"one-more", b"one-more%d" % number)
        begun = time.process_time()
        with app.store.write() as session:
            (sha,) = put_raw(session, [raw])
            place(session, lst, raw, sha, time.time())
        while build.render_dirty(app.store, root, BASE, list_id=lst.id):
            pass
        costs.append(time.process_time() - begun)
        if number == 0:
            files = (p for p in root.rglob("*") if p.is_file())
            touched = sum(before.get(p) != p.stat().st_mtime_ns for p in files)
    return {"cpu": sorted(costs)[1], "files": touched, "size": row.size if row else 0}


def compare_bytes(folder: Path) -> None:
    """Print the bytes of thread pages beside public-inbox's of the same threads."""
    root = folder / "archive" / "public" / LIST
    pages: dict[str, int] = {}
    for page in root.glob("t/*/thread.json"):
        first = json.loads(page.read_text(encoding="utf-8"))["messages"][0]["id"]
        pages[first] = sum(one.stat().st_size for one in page.parent.glob("*.html"))
    ids = [one for one in sorted(pages) if "/" not in one and one.isascii() and "%" not in one]
    done = subprocess.run(
        ["perl", "-e", _PAGE],
        input="\n".join(ids) + "\n",
        text=True,
        capture_output=True,
        check=True,
    )
    sizes = dict(zip(ids, map(int, done.stdout.split()), strict=True))
    both = [one for one in ids if sizes[one] > 0]
    ratios = sorted(pages[one] / sizes[one] for one in both)
    largest = max(both, key=lambda one: sizes[one])
    ours, theirs = sum(pages[o] for o in both), sum(sizes[o] for o in both)
    middle = sorted(pages.values())[len(pages) // 2]
    say(f"thread pages: median {middle / 1000:.1f} KB; of public-inbox's, {len(both)} threads:")
    say(
        f"  median {ratios[len(ratios) // 2]:.2f}, all {ours / theirs:.2f},"
        f" largest {pages[largest] / sizes[largest]:.2f} ({pages[largest] / 1000:.0f} KB)"
    )


def grow(mbox: Path, folder: Path, copies: int) -> Path:
    """Write the mails of ``mbox`` so many times, each time with ids of their own."""
    target = folder / f"grown-{copies}.mbox"
    with target.open("wb") as out:
        for number in range(copies):
            suffix = b".%d>" % number
            with open_mail_file(mbox) as file:
                for found in read_mbox(file):
                    head, gap, body = found.raw.partition(b"\n\n")
                    raw = _MARKED.sub(lambda m: m[0][:-1] + suffix, head) + gap + body  # noqa: B023 - used at once
                    out.writelines(write_mbox([(raw, found.arrival or 0.0)]))
    return target


def measure_growth(mbox: Path, sizes: list[int]) -> None:
    """Print what a mail costs in archives of several sizes, and draw it."""
    points = []
    say(f"{'mails':>10}{'CPU ms a mail':>16}{'peak MB':>10}{'one more, CPU s':>18}")
    for copies in sizes:
        with tempfile.TemporaryDirectory(prefix="krets-bench") as name:
            folder = Path(name)
            grown = grow(mbox, folder, copies)
            itself("init", folder, grown)
            cost, told = itself("build", folder, grown)
            _, more = itself("more", folder, grown)
            each = cost.cpu * 1000 / told["mails"]
            points.append((int(told["mails"]), each, cost.peak))
            say(f"{told['mails']:10.0f}{each:16.2f}{cost.peak:10.0f}{more['cpu']:18.3f}")
    GROWTH.write_text(picture(points), encoding="utf-8")


def picture(points: list[tuple[int, float, float]]) -> str:
    """Return a plot (SVG) of CPU and memory by the number of mails."""
    most = max(mails for mails, _, _ in points)
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 300" font-size="13" role="img">',
        "<title>What a mail costs in archives of several sizes</title>",
        "<style>text { font-family: sans-serif }</style>",
        '<path d="M60 20V250H620" fill="none" stroke="#888"/>',
    ]
    for index, (label, colour) in enumerate(
        [("CPU ms a mail", "#1a5fb4"), ("peak memory, MB", "#a51d2d")], 1
    ):
        top = max(point[index] for point in points) * 1.25
        spots = [(60 + 560 * p[0] / most, 250 - 230 * p[index] / top) for p in points]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in spots)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (x, y), point in zip(spots, points, strict=True):
            lines.append(f'<circle cx="{x:.0f}" cy="{y:.0f}" r="3" fill="{colour}"/>')
            lines.append(
                f'<text x="{x:.0f}" y="{y - 8:.0f}" text-anchor="end" fill="{colour}">'
                f"{point[index]:.3g}</text>"
            )
        lines.append(f'<text x="{index * 160}" y="290" fill="{colour}">{label}</text>')
    lines += [
        f'<text x="{60 + 560 * p[0] / most:.0f}" y="267" text-anchor="middle">{p[0]:,}</text>'
        for p in points
    ]
    return "\n".join([*lines, "</svg>", ""])


def plain(mbox: Path, folder: Path) -> Path:
    """Return the mbox unpacked: the peers read no compressed ones."""
    if mbox.suffix not in {".gz", ".bz2", ".xz"}:
        return mbox
    target = folder / "plain.mbox"
    with open_mail_file(mbox) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy)
    return target


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("mbox", type=Path)
    parser.add_argument("--only", choices=["krets", "public-inbox", "mhonarc"])
    parser.add_argument(
        "--grow", metavar="N,N", help="build the mails so many times over, and draw"
    )
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.step:
        run_step(given.step, given.folder, given.mbox)
        return
    if given.grow:
        say(f"load {os.getloadavg()[0]:.1f}")
        measure_growth(given.mbox.resolve(), [int(one) for one in given.grow.split(",")])
        say(f"load {os.getloadavg()[0]:.1f} at the end")
        return
    with tempfile.TemporaryDirectory(prefix="krets-bench") as name:
        folder = Path(name)
        mbox = plain(given.mbox.resolve(), folder)
        say(f"{mbox.stat().st_size / 1e6:.1f} MB, load {os.getloadavg()[0]:.1f}")
        say(f"{'':34}{'CPU s':>10}{'peak MB':>10}")
        if given.only in {None, "krets"}:
            measure_krets(folder, mbox)
        if given.only in {None, "public-inbox"}:
            measure_inbox(folder, mbox)
        if given.only is None and (folder / "inbox").is_dir():
            compare_bytes(folder)
        if given.only in {None, "mhonarc"}:
            measure_mhonarc(folder, mbox)
        say(f"load {os.getloadavg()[0]:.1f} at the end")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def tell(name: str, cost: Cost, more: str = "") -> None:
    """Print one line."""
    say(f"{name:34}{cost.cpu:10.2f}{cost.peak:10.0f}  {more}")


def measure_krets(folder: Path, mbox: Path) -> None:
    """Build with Krets, then search, then one more mail."""
    tell("krets, a new installation", itself("init", folder, mbox)[0])
    cost, told = itself("build", folder, mbox)
    tell("krets, all pages", cost, f"{told['mails']:.0f} mails")
    tell("krets, search bundles alone", itself("search", folder, mbox)[0])
    _, told = itself("more", folder, mbox)
    more = f"{told['files']:.0f} files, in a thread of {told['size']:.0f}"
    tell("krets, one more mail", Cost(told["cpu"], 0), more)


def measure_inbox(folder: Path, mbox: Path) -> None:
    """Build with public-inbox, which makes its pages later."""
    if shutil.which("public-inbox-init") is None:
        say("public-inbox is not installed.")
        return
    inbox = folder / "inbox"
    os.environ["PI_CONFIG"] = str(folder / "pi-config")
    measured("public-inbox-init", "-V2", "b", str(inbox), f"{BASE}/b", LIST)
    tell("public-inbox, git and index", measured("perl", "-e", _PERL, str(inbox), str(mbox)))
    one = folder / "one.mbox"
    one.write_bytes(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + MORE % b"" + b"\n")
    tell("public-inbox, one more mail", measured("perl", "-e", _PERL, str(inbox), str(one)))


def measure_mhonarc(folder: Path, mbox: Path) -> None:
    """Build with MHonArc."""
    if shutil.which("mhonarc") is None:
        say("mhonarc is not installed.")
        return
    out = folder / "mhonarc"
    out.mkdir()
    tell("mhonarc, all pages", measured("mhonarc", "-quiet", "-outdir", str(out), str(mbox)))
    one = folder / "one.mbox"
    one.write_bytes(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + MORE % b"" + b"\n")
    add = ("mhonarc", "-quiet", "-add", "-outdir", str(out), str(one))
    tell("mhonarc, one more mail", measured(*add))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
