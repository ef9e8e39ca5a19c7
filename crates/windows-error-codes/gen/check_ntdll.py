#!/usr/bin/env python3
"""Asks ntdll itself (RtlNtStatusToDosError, under Wine) for every NTSTATUS and compares with names/ntstatus_win32.tsv.

Needs Wine and a C compiler for Windows: apt-get install wine64 wine gcc-mingw-w64-x86-64
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

# No __pycache__ beside the sources of a repository.
sys.dont_write_bytecode = True
import sources  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
COMPILER = "x86_64-w64-mingw32-gcc"
# ERROR_MR_MID_NOT_FOUND: what ntdll answers where it has no Win32 number.
NO_NUMBER = 317


def main():
    # Debian keeps the loader out of the path, and its `wine` script wants a 32-bit one too.
    wine = next(filter(None, map(shutil.which, ("/usr/lib/wine/wine64", "wine64", "wine"))), None)
    if not wine or not shutil.which(COMPILER):
        raise SystemExit(f"wine64 or {COMPILER} is missing\nhint: apt-get install --no-install-recommends wine64 wine gcc-mingw-w64-x86-64")
    listed = subprocess.run([sys.executable, HERE / "generate.py", "--list-ntstatus"], check=True, stdout=subprocess.PIPE).stdout
    table = {int(row["ntstatus"], 0): int(row["win32"]) for row in sources.read_tsv(HERE.parent / "names/ntstatus_win32.tsv")}
    # What only the table has must be asked for as well.
    asked = sorted({int(line, 16) for line in listed.split()} | set(table))
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "ntstatus_win32.exe"
        subprocess.run([COMPILER, "-O2", "-o", program, HERE / "ntstatus_win32.c", "-lntdll"], check=True)
        environment = os.environ | {"WINEPREFIX": f"{folder}/prefix", "WINEDEBUG": "-all", "DISPLAY": ""}
        answers = subprocess.run(
            [wine, program], input="".join(f"{status:08X}\n" for status in asked), env=environment, check=True, stdout=subprocess.PIPE, text=True
        ).stdout
        # It goes on writing to its prefix in the background, which must be over before the folder is removed.
        server = pathlib.Path(wine).with_name("wineserver")
        subprocess.run([server if server.exists() else "wineserver", "-k", "-w"], env=environment, stderr=subprocess.DEVNULL)
    answered = {}
    for line in answers.splitlines():
        status, number = line.split("\t")
        answered[int(status, 0)] = int(number)
    faults = [f"{status:#010x}: not answered" for status in asked if status not in answered]
    for status, number in answered.items():
        expected = number if number != NO_NUMBER and number <= 0xFFFF else None
        if table.get(status) != expected:
            faults.append(f"{status:#010x}: ntdll says {number}, the table {table.get(status)}")
    print(f"{len(answered)} NTSTATUS asked, {len(table)} have a Win32 number, {len(faults)} differ")
    if faults:
        raise SystemExit("\n".join(faults))


main()
