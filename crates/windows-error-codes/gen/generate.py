#!/usr/bin/env python3
"""Writes src/generated/, DISAGREEMENTS.md and SOURCES.md from the pinned packages and the tables in names/.

Usage: generate.py                  write everything
       generate.py --list-ntstatus  print every known NTSTATUS, the input of ntstatus_win32.c
       generate.py --headers        only fetch the headers, which tests compare with
"""

import collections
import pathlib
import re
import sys

# No __pycache__ beside the sources of a repository.
sys.dont_write_bytecode = True
import sources  # noqa: E402
from sources import SPACES  # noqa: E402

CRATE = pathlib.Path(__file__).resolve().parents[1]
GENERATED = CRATE / "src/generated"
HEAD = "// Made by gen/generate.py; do not edit.\n"
# Over twice the number of names, so that a probe sequence stays short.
SLOTS = 1 << 15


def main():
    cache = sources.cache_folder()
    if "--headers" in sys.argv:
        sources.fetch_mingw(cache)
        return
    windows_sys = sources.fetch_windows_sys(cache)
    facts = sources.windows_sys_facts(windows_sys)
    facts += sources.mingw_facts(sources.fetch_mingw(cache))
    facts += sources.own_facts(CRATE / "names")
    if "--list-ntstatus" in sys.argv:
        for value in sorted({fact.value for fact in facts if fact.space == "ntstatus"}):
            print(f"{value:08X}")
        return
    entries = merge(facts)
    GENERATED.mkdir(parents=True, exist_ok=True)
    write_names(entries)
    write_mapping()
    write_facilities(windows_sys)
    write_extend()
    write_meanings({(SPACES[space], value) for space, value, _ in entries})
    write_sources(facts, entries)
    write_disagreements(facts)


def merge(facts):
    """(space index, value, name), sorted; the names of one number in the order they are shown."""
    best = {}
    for fact in facts:
        key = (SPACES.index(fact.space), fact.value, fact.name)
        best[key] = min(best.get(key, 1000), fact.rank)
    return [key for key, _ in sorted(best.items(), key=lambda item: (item[0][:2], shown_order(item[0], item[1])))]


PREFERRED = {"hresult": re.compile(r"^(S_|E_)"), "ntstatus": re.compile(r"^STATUS_(?!WAIT)"), "win32": re.compile(r"^ERROR_"), "esent": re.compile(r"^JET_err")}


def shown_order(key, rank):
    """Newest of our own tables first, then what people call the number, then the rest; stable by name."""
    space, _, name = key
    return (rank if rank < 20 else 20, 0 if PREFERRED[SPACES[space]].match(name) else 1, rank, name)


def fold(name):
    return name.upper()


def fnv1a(text):
    """FNV-1a over the upper-case ASCII bytes; table.rs does the same."""
    value = 0x811C9DC5
    for byte in text.encode("ascii"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def write_names(entries):
    text = "".join(name + "\n" for _, _, name in entries)
    (GENERATED / "names.txt").write_text(text)
    offsets, at = [], 0
    for _, _, name in entries:
        offsets.append(at)
        at += len(name) + 1
    offsets.append(at)
    empty = 0xFFFF
    if len(entries) >= empty:
        raise SystemExit(f"{len(entries)} names do not fit a u16")
    slots = [empty] * SLOTS
    # In the order shown, so that a name with two numbers finds the better source's first.
    for index, (_, _, name) in enumerate(entries):
        slot = fnv1a(fold(name)) & (SLOTS - 1)
        while slots[slot] != empty:
            slot = (slot + 1) & (SLOTS - 1)
        slots[slot] = index
    starts = [sum(1 for entry in entries if entry[0] < space) for space in range(len(SPACES) + 1)]
    lines = [
        HEAD,
        f"pub(super) const COUNT: usize = {len(entries)};\n",
        f"pub(super) const SLOTS: usize = {SLOTS};\n",
        "/// First entry of each space, in the order of `Space::ALL`, and the end.\n",
        f"pub(super) static SPACE_STARTS: [u32; {len(starts)}] = {starts};\n",
        "/// The numbers, ascending within each space.\n",
        array("VALUES", "u32", (f"0x{value:08X}" for _, value, _ in entries), len(entries)),
        "/// Where each entry's name starts in names.txt, and the end.\n",
        array("NAME_STARTS", "u32", map(str, offsets), len(offsets)),
        "/// Open-addressing hash table of names: an entry, or 0xFFFF.\n",
        array("NAME_SLOTS", "u16", map(str, slots), len(slots)),
    ]
    (GENERATED / "names.rs").write_text("".join(lines))


def array(name, kind, cells, length):
    out, line = [f"pub(super) static {name}: [{kind}; {length}] = [\n"], ""
    for cell in cells:
        if len(line) + len(cell) + 2 > 118:
            out.append(line.rstrip() + "\n")
            line = ""
        line += cell + ", "
    out.append(line.rstrip() + "\n];\n")
    return "".join(out)


def write_mapping():
    rows = sources.read_tsv(CRATE / "names/ntstatus_win32.tsv")
    pairs = sorted((int(row["ntstatus"], 0), int(row["win32"])) for row in rows)
    if len({status for status, _ in pairs}) != len(pairs):
        raise SystemExit("names/ntstatus_win32.tsv gives one NTSTATUS two Win32 numbers")
    back = sorted((win32, status) for status, win32 in pairs)
    lines = [
        HEAD,
        "/// (NTSTATUS, Win32), ascending by NTSTATUS.\n",
        array("TO_WIN32", "(u32, u32)", (f"(0x{status:08X}, {win32})" for status, win32 in pairs), len(pairs)),
        "/// (Win32, NTSTATUS), ascending.\n",
        array("FROM_WIN32", "(u32, u32)", (f"({win32}, 0x{status:08X})" for win32, status in back), len(back)),
    ]
    (GENERATED / "ntstatus_win32.rs").write_text("".join(lines))


def write_facilities(windows_sys):
    """Facility numbers of HRESULTs and of NTSTATUS; the shortest name where a header has several."""
    found = {"FACILITY_CODE": {}, "NTSTATUS_FACILITY_CODE": {}}
    for path in sorted(windows_sys.rglob("*.rs")):
        for name, kind, number in sources.RUST_CONST.findall(path.read_text()):
            kind = kind.rsplit("::", 1)[-1]
            if kind in found and name not in ("FACILITY_MAXIMUM_VALUE", "FACILITY_NT_BIT"):
                found[kind].setdefault(int(number, 0), set()).add(name)
    own = {"hresult": {}, "ntstatus": {}}
    for row in sources.read_tsv(CRATE / "names/facilities.tsv"):
        own[row["space"]][int(row["number"], 0)] = row["facility"]
    lines = [HEAD]
    for space, kind in (("hresult", "FACILITY_CODE"), ("ntstatus", "NTSTATUS_FACILITY_CODE")):
        table = {number: min(names, key=lambda name: (len(name), name)) for number, names in found[kind].items()}
        table.update(own[space])
        rows = "".join(f'    ({number}, "{name}"),\n' for number, name in sorted(table.items()))
        lines.append(f"pub(super) static {space.upper()}: [(u16, &str); {len(table)}] = [\n{rows}];\n")
    (GENERATED / "facilities.rs").write_text("".join(lines))


def write_extend():
    rows = sources.read_tsv(CRATE / "names/setup_extend.tsv")
    lines = [HEAD]
    for part, name in (("phase", "PHASES"), ("operation", "OPERATIONS")):
        table = [row for row in rows if row["part"] == part]
        if [int(row["number"], 0) for row in table] != list(range(len(table))):
            raise SystemExit(f"names/setup_extend.tsv: the numbers of `{part}` are not 0, 1, 2, …")
        cells = "".join(f'    ({quote(row["label"])}, {quote(row["en"])}, {quote(row["zh"])}),\n' for row in table)
        lines.append(f"/// (label, English, Chinese).\npub(super) static {name}: [(&str, &str, &str); {len(table)}] = [\n{cells}];\n")
    (GENERATED / "setup_extend.rs").write_text("".join(lines))


def meaning_rows():
    """Our own words, and those for codes that only their maker's messages tell of."""
    return sources.read_tsv(CRATE / "meanings.tsv") + sources.read_tsv(CRATE / "configmgr.tsv")


def write_meanings(known):
    table = {}
    for row in meaning_rows():
        key = (row["space"], int(row["value"], 0) & 0xFFFFFFFF)
        if key in table:
            raise SystemExit(f"{row['value']} has two meanings")
        if not row["en"].strip() or not row["zh"].strip():
            raise SystemExit(f"{row['value']} lacks a language")
        table[key] = (row["en"].strip(), row["zh"].strip())
    order = sorted(table, key=lambda key: (SPACES.index(key[0]), key[1]))
    cells = "".join(
        f"    ({SPACES.index(space)}, 0x{value:08X}, {quote(table[space, value][0])}, {quote(table[space, value][1])}),\n"
        for space, value in order
    )
    text = HEAD + "/// (index in `Space::ALL`, number, English, Chinese), ascending.\n"
    text += f"pub(super) static MEANINGS: [(u8, u32, &str, &str); {len(order)}] = [\n{cells}];\n"
    (GENERATED / "meanings.rs").write_text(text)


def quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


FAMILIES = [
    ("Win32, ERROR_SXS_*", "win32", r"^ERROR_SXS_"),
    ("Win32, other ERROR_*", "win32", r"^ERROR_(?!SXS_|INTERNET_|WINHTTP_)"),
    ("Win32, WinINet and WinHTTP", "win32", r"^ERROR_(INTERNET|WINHTTP)_"),
    ("Win32, Winsock", "win32", r"^WSA"),
    ("NTSTATUS, STATUS_SXS_*", "ntstatus", r"^STATUS_SXS_"),
    ("NTSTATUS, other STATUS_*", "ntstatus", r"^STATUS_(?!SXS_)"),
    ("CBS (CBS_E_*, CBS_S_*)", "hresult", r"^CBS_[ES]_"),
    ("express payloads (PSFX_E_*)", "hresult", r"^PSFX_E_"),
    ("setup API (SPAPI_E_*)", "hresult", r"^SPAPI_E_"),
    ("DISM API (DISMAPI_*)", "hresult", r"^DISMAPI_"),
    ("Windows Update (WU_E_*)", "hresult", r"^WU_E_"),
    ("Windows Update (WU_S_*)", "hresult", r"^WU_S_"),
    ("BITS (BG_*)", "hresult", r"^BG_[ES]_"),
    ("Delivery Optimization (DO_*)", "hresult", r"^DO_[ES]_"),
    ("Windows Setup (MOSETUP_E_*)", "hresult", r"^MOSETUP_E_"),
    ("WinINet as HRESULT (WININET_E_*)", "hresult", r"^WININET_E_"),
    ("signatures (CRYPT_E_*, CERT_E_*, TRUST_E_*)", "hresult", r"^(CRYPT|CERT|TRUST)_E_"),
    ("Defender (ERROR_MP_*, ERR_MP_*)", "hresult", r"^ERR(OR)?_MP_"),
    ("AppX packaging (APPX_E_*)", "hresult", r"^APPX_E_"),
    ("ESENT (JET_err*, JET_wrn*)", "esent", r"^JET_"),
]


def write_sources(facts, entries):
    counts = collections.Counter((fact.source, fact.space) for fact in {(f.source, f.space, f.value, f.name): f for f in facts}.values())
    per_source = sorted({source for source, _ in counts})
    described = {
        "windows-sys": f"crate windows-sys {sources.WINDOWS_SYS} (MIT OR Apache-2.0)",
        "mingw-w64": f"Debian mingw-w64-common {sources.MINGW} (public domain; winerror.h, ntstatus.h, wuerror.h, bitsmsg.h, dismapi.h)",
    }
    lines = ["# Where the table comes from\n", "\nMade by `gen/generate.py`; do not edit.\nCounts are of (number, name) pairs.\n"]
    lines.append("\n| source | HRESULT | NTSTATUS | Win32 | ESENT |\n| --- | ---: | ---: | ---: | ---: |\n")
    for source in per_source:
        cells = " | ".join(str(counts[source, space]) for space in SPACES)
        lines.append(f"| {described.get(source, f'`{source}`, its head names where it comes from')} | {cells} |\n")
    merged = collections.Counter(SPACES[space] for space, _, _ in entries)
    lines.append("| **all, each pair once** | " + " | ".join(str(merged[space]) for space in SPACES) + " |\n")
    lines.append("\n| family | names |\n| --- | ---: |\n")
    for label, space, pattern in FAMILIES:
        matcher = re.compile(pattern)
        lines.append(f"| {label} | {sum(1 for index, _, name in entries if SPACES[index] == space and matcher.match(name))} |\n")
    numbers = collections.defaultdict(set)
    for space, value, _ in entries:
        numbers[value].add(SPACES[space])
    both = [value for value, spaces in numbers.items() if value >= 0x80000000 and {"hresult", "ntstatus"} <= spaces]
    warnings = sum(1 for value in both if value < 0xC0000000)
    lines.append(f"\n{len(both)} numbers are both an HRESULT and an NTSTATUS, {warnings} of them in 0x8xxxxxxx.\n")
    mapping = len(sources.read_tsv(CRATE / "names/ntstatus_win32.tsv"))
    meanings = len(meaning_rows())
    lines.append(f"{mapping} NTSTATUS have a Win32 number.\n{meanings} codes have a meaning in English and Chinese.\n")
    (CRATE / "SOURCES.md").write_text("".join(lines))


def write_disagreements(facts):
    """Exactly those places where two sources say different things."""
    values_of, names_of = collections.defaultdict(dict), collections.defaultdict(dict)
    for fact in facts:
        values_of[fact.name].setdefault((fact.space, fact.value), set()).add(fact.source)
        names_of[fact.space, fact.value].setdefault(fact.source, set()).add(fact.name)
    lines = ["# Where the sources disagree\n", "\nMade by `gen/generate.py`; do not edit.\nBoth sides are in the table: a lookup gives all of them.\n"]
    lines.append("\n## One name, several numbers\n\n| name | number | says |\n| --- | --- | --- |\n")
    for name, places in sorted(values_of.items()):
        if len(places) > 1:
            for (space, value), where in sorted(places.items()):
                lines.append(f"| `{name}` | {space} 0x{value:08X} | {', '.join(sorted(where))} |\n")
    lines.append("\n## One number, different names\n\nThe sources share no name for it.\n\n| number | names | says |\n| --- | --- | --- |\n")
    renamed_by_sdk = {
        (row["space"], int(row["value"], 0)) for row in sources.read_tsv(CRATE / "names/sdk.tsv") if row["instead_of"]
    }
    for (space, value), by_source in sorted(names_of.items()):
        said = {source: names for source, names in by_source.items() if names_are_said(source, (space, value), renamed_by_sdk)}
        if not any(not (a & b) for a in said.values() for b in said.values()):
            continue
        for source, names in sorted(said.items()):
            lines.append(f"| {space} 0x{value:08X} | {', '.join(f'`{name}`' for name in sorted(names))} | {source} |\n")
    lines.append("\n## Renamed between builds of the servicing stack\n\n| number | newest | before |\n| --- | --- | --- |\n")
    rows = collections.defaultdict(list)
    for row in sources.read_tsv(CRATE / "names/cbs.tsv"):
        rows[row["value"]].append(row["name"])
    for value, names in sorted(rows.items()):
        if len(names) > 1:
            lines.append(f"| hresult {value} | `{names[0]}` | {', '.join(f'`{name}`' for name in names[1:])} |\n")
    (CRATE / "DISAGREEMENTS.md").write_text("".join(lines))


def names_are_said(source, key, renamed_by_sdk):
    """names/sdk.tsv holds only what others lack, so its silence says nothing; it counts where it says that it renamed."""
    return source != "names/sdk.tsv" or key in renamed_by_sdk


main()
