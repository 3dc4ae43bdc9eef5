"""One post to many members: mlmmj 1.3.0 and Krets take turns at the same fast sink, unsigned.

    python tests/bench/bench_mlmmj.py [--members 10000] [--rounds 3] [--dry-run]

A copy for each member (mlmmj: own return path; Krets: own return path and own way out), and one
copy for a hundred members a transaction. mlmmj is measured from a post that lies ready (its
mlmmj-send alone, which keeps no account of who got it), Krets from a frozen ledger to its last
mark. mlmmj comes from Debian, unpacked into .tools and never installed; without it there is
nothing to compare.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import mailing  # noqa: E402 - a script finds its own checkout first
import measured  # noqa: E402
from measured import Row  # noqa: E402
from peers import SIZE, Run, fast_sink  # noqa: E402

TOOLS = ROOT / ".tools" / "mlmmj"
FOLDERS = (
    "incoming", "queue/discarded", "archive", "text", "subconf", "unsubconf", "bounce", "control",
    "moderation", "subscribers.d", "digesters.d", "requeue", "nomailsubs.d",
)  # fmt: skip
TOGETHER = 100  # recipients of a transaction
LINE = "A line of a post that says something to everybody who reads it.\r\n"


def mlmmj_send() -> Path | None:
    """Return the program, unpacked on first need; None where it cannot be had."""
    program = TOOLS / "usr" / "bin" / "mlmmj-send"
    if program.exists():
        return program
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "mlmmj"]
        try:
            subprocess.run(fetch, cwd=folder, check=True, capture_output=True)
            package = next(Path(folder).glob("mlmmj_*.deb"))
            subprocess.run(["dpkg", "-x", str(package), str(TOOLS)], check=True)
        except (OSError, subprocess.CalledProcessError, StopIteration):
            return None
    return program


def raw_post(number: int) -> str:
    """Return a post of 10 KB."""
    return (
        f"From: {mailing.AUTHOR}\r\nTo: {mailing.FRIENDS}\r\nSubject: Hi\r\n"
        f"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{number}@d0.net>\r\n\r\n"
        f"{LINE * (SIZE // len(LINE))}"
    )


def mlmmj_list(folder: Path, members: int) -> Path:
    """Make a list as mlmmj-make-ml does."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    people = "".join(f"p{n}@d{n % 50}.net\n" for n in range(members))
    (folder / "subscribers.d" / "p").write_text(people)
    (folder / "index").write_text("0\n")
    control = folder / "control"
    (control / "listaddress").write_text(f"{mailing.FRIENDS}\n")
    (control / "owner").write_text("owner@example.org\n")
    (control / "maxverprecips").write_text(f"{TOGETHER}\n")
    return folder


def theirs(program: Path, lst: Path, port: int, number: int, members: int, *, shared: bool) -> Run:
    """Send one post with mlmmj-send."""
    (lst / "control" / "smtpport").write_text(f"{port}\n")
    verp = lst / "control" / "verp"  # empty: one return path and one copy for many
    verp.touch() if shared else verp.unlink(missing_ok=True)
    mail = lst / "queue" / f"post{number}"
    mail.write_text(raw_post(number).replace("\r\n", "\n"))
    before, began = _cpu(), time.perf_counter()
    subprocess.run([program, "-L", lst, "-m", mail], check=True)
    took = time.perf_counter() - began
    return Run(members / took, (_cpu() - before) / members * 1000)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(members: int, rounds: int) -> list[Row]:
    """Return a row for personal copies and one for shared ones."""
    program = mlmmj_send()
    if program is None:
        return []
    with tempfile.TemporaryDirectory(prefix="krets-bench-") as name:
        folder = Path(name)
        os.chdir(folder)
        lst = mlmmj_list(folder / "mlmmj", members)
        krets = mailing.friends(folder, members)
        made, number = [], 0
        for shared in (False, True):
            krets.krets("list", "set", mailing.FRIENDS, "--copies", "shared" * shared or "personal")
            runs: dict[str, list[Run]] = {"mlmmj": [], "krets": []}
            with fast_sink() as port:
                for _ in range(rounds):
                    number += 1
                    their = theirs(program, lst, port, number, members, shared=shared)
                    mailing.post(krets, raw_post(number).encode())
                    sent = mailing.send(krets, port)
                    runs["mlmmj"].append(their)
                    runs["krets"].append(Run(sent.rate, sent.cpu))
            made.append(_row(members, runs, shared=shared))
    return made


def _row(members: int, runs: dict[str, list[Run]], *, shared: bool) -> Row:
    def middle(whose: str, what: Callable[[Run], float]) -> float:
        return statistics.median(map(what, runs[whose]))

    rate, their_rate = (middle(whose, lambda run: run.rate) for whose in ("krets", "mlmmj"))
    cpu, their_cpu = (middle(whose, lambda run: run.cpu) for whose in ("krets", "mlmmj"))
    kind = f"one copy for {TOGETHER}" if shared else "personal copies"
    return Row(
        f"a post, {kind}, into krets sink",
        members,
        f"{rate:,.0f}/s",
        f"{rate / their_rate:.2f} of mlmmj's {their_rate:,.0f}/s (its CPU {their_cpu:.3f} s)",
        f"{cpu:.3f} s",
        numbers={"rate": rate, "cpu": cpu, "mlmmj": their_rate, "mlmmj_cpu": their_cpu},
    )


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--members", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dry-run", action="store_true", help="append nothing")
    asked = parser.parse_args()
    made = compare(asked.members, asked.rounds)
    if not made:
        sys.stderr.write("mlmmj is not in .tools and apt-get could not fetch it: nothing done.\n")
    for row in made:
        print(measured.line(row.cells))  # noqa: T201
        if not asked.dry_run:
            measured.append(row)


if __name__ == "__main__":
    main()
