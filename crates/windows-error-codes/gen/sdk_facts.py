#!/usr/bin/env python3
"""Writes names/sdk.tsv: names and numbers of a Windows SDK's headers that neither windows-sys nor mingw-w64 has.

Usage: sdk_facts.py FOLDER ORIGIN > names/sdk.tsv
FOLDER holds winerror.h, ntstatus.h, wuerror.h, BitsMsg.h and deliveryoptimizationerrors.h; ORIGIN says which SDK it is.
Names and numbers only: the headers' texts stay where they are.
"""

import pathlib
import re
import sys

# No __pycache__ beside the sources of a repository.
sys.dont_write_bytecode = True
import sources  # noqa: E402

HEADERS = {
    "winerror.h": None,
    "ntstatus.h": re.compile(r"^(STATUS|DBG|RPC_NT|EPT_NT)_\w+$"),
    "wuerror.h": re.compile(r"^WU_[ES]_"),
    "BitsMsg.h": re.compile(r"^BG_[ES]_"),
    "deliveryoptimizationerrors.h": re.compile(r"^DO_[ES]_"),
}


def main():
    folder, origin = pathlib.Path(sys.argv[1]), sys.argv[2]
    cache = sources.cache_folder()
    known = sources.windows_sys_facts(sources.fetch_windows_sys(cache)) + sources.mingw_facts(sources.fetch_mingw(cache))
    known_pairs = {(fact.name, fact.value) for fact in known}
    of_windows_sys = {}
    for fact in known:
        if fact.source == "windows-sys":
            of_windows_sys.setdefault((fact.space, fact.value), set()).add(fact.name)
    facts = []
    for header, only in HEADERS.items():
        facts += sources.header_facts(folder / header, header, 35, only)
    own_names = {}
    for fact in facts:
        own_names.setdefault((fact.space, fact.value), set()).add(fact.name)
    print("# Names and numbers of the Windows SDK's headers that neither windows-sys nor mingw-w64 has; made by gen/sdk_facts.py.")
    print(f"# Source: {origin}")
    print("# instead_of: what windows-sys calls the same number, where the SDK knows none of those names.")
    print("space\tvalue\tname\theader\tinstead_of")
    for fact in sorted(facts, key=lambda fact: (fact.space, fact.value, fact.name)):
        if (fact.name, fact.value) in known_pairs:
            continue
        key = (fact.space, fact.value)
        others = of_windows_sys.get(key, set())
        instead_of = "" if others & own_names[key] else " ".join(sorted(others))
        print(f"{fact.space}\t0x{fact.value:08X}\t{fact.name}\t{fact.source}\t{instead_of}")


main()
