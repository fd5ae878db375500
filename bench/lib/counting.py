# SPDX-License-Identifier: Apache-2.0
"""What bench/requests and bench/syscalls have in common."""
import argparse
import os
import sys

from .candidates import NATIVE, OVERLAY, Candidate, Mount, standard_candidates
from .field import fresh_directory, make_field
from .isolate import isolate
from .operations import OPEN_FILE, choose, directory_of, fill_lower
from .report import table
from .tools import Failed, say
from .trace import Trace

FIELD_MIB = 512


def parse_arguments(name, description):
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--build", metavar="DIR",
                        default=os.environ.get("NACRE_BUILD"),
                        help="where nacre-unionfs was built (NACRE_BUILD)")
    parser.add_argument("--candidates", metavar="NAME,...",
                        help="count only for these")
    parser.add_argument("--add", metavar="NAME=COMMAND", action="append",
                        default=[], help="count for this mount command as well; "
                        "{lower} {upper} {work} {mnt} are filled in")
    parser.add_argument("--only", metavar="OPERATION,...",
                        help="only operations that begin so")
    parser.add_argument("--layers", type=int, default=2, metavar="N",
                        help="number of lower layers (2), all but one empty")
    args = parser.parse_args()
    if args.build:
        args.build = os.path.abspath(args.build)
    return args


def _candidates(args):
    found, absent = standard_candidates(args.build)
    for name, why in absent.items():
        say(f"without {name}: {why}")
    for added in args.add:
        name, _, command = added.partition("=")
        found.append(Candidate(name, command))
    wanted = [w for w in (args.candidates or "").split(",") if w]
    if wanted:
        wanted += [a.partition("=")[0] for a in args.add]
    return [c for c in found if c.name not in (NATIVE, OVERLAY)
            and (not wanted or any(c.name.startswith(w) for w in wanted))]


def _setup(field, layers):
    setup = {name: name for name in ("upper", "work", "mnt")}
    for path in setup.values():
        fresh_directory(os.path.join(field, path))
    return dict(setup, lowers=[f"lower{i}" for i in range(layers)])


def _rows(candidate, operations, field, layers, row_of):
    """Every operation has a mount of its own: all start from the same state."""
    rows = []
    for operation in operations:
        mount = Mount(candidate, _setup(field, layers), field)
        top = os.path.join(mount.path, directory_of(operation))
        try:
            os.stat(top)
            if operation.before:
                operation.before(top)
            rows.append(row_of(operation, mount, lambda: operation.run(top)))
        except OSError as error:
            rows.append([operation.name, f"failed: {error}"])
        finally:
            OPEN_FILE.close()
            mount.unmount()
    return rows


def count(name, description, header, make_row):
    """The whole program: make_row(trace, candidate name, operation, mount, do)."""
    args = parse_arguments(name, description)
    place = isolate()
    try:
        field = make_field(place, "ext4", FIELD_MIB)
        for number in range(args.layers):
            os.mkdir(os.path.join(field, f"lower{number}"))
        fill_lower(os.path.join(field, f"lower{args.layers - 1}"))
        with Trace(place) as trace:
            for candidate in _candidates(args):
                _print_table(candidate, args, field, header,
                             lambda *what: make_row(trace, candidate.name, *what))
    except (Failed, OSError) as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def _print_table(candidate, args, field, header, row_of):
    try:
        rows = _rows(candidate, choose(args.only), field, args.layers, row_of)
    except Failed as error:
        say(f"without {candidate.name}: {error}")
        return
    width = len(header)
    rows = [row + [""] * (width - len(row)) for row in rows]
    print(table([[candidate.name] + header[1:], *rows], left={0, width - 1}))
    print(flush=True)
