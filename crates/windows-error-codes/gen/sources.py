"""Where names and numbers come from: fetched packages, pinned, and the tables in names/.

A fact is (space, value, name, source, rank). Smaller ranks are shown first among the names of one number.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
from dataclasses import dataclass

WINDOWS_SYS = "0.61.2"
MINGW = "10.0.0-3"
# Of the Debian package file, so that a rebuilt package cannot change the table unseen.
MINGW_SHA256 = "1317a00bbbc3866a6d23ff177bc3f6c92ccbfc9489f8d5314bfac76cf60ffc19"

SPACES = ("hresult", "ntstatus", "win32", "esent")


@dataclass(frozen=True)
class Fact:
    space: str
    value: int
    name: str
    source: str
    rank: int


def fetch_windows_sys(cache):
    """The unpacked sources of the windows-sys crate; cargo itself checks their digest."""
    project = cache / "windows-sys"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src/lib.rs").write_text("")
    (project / "Cargo.toml").write_text(
        '[package]\nname = "code-sources"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
        f'[dependencies]\nwindows-sys = "={WINDOWS_SYS}"\n'
    )
    output = subprocess.run(
        ["cargo", "metadata", "--format-version", "1"], cwd=project, check=True, stdout=subprocess.PIPE
    ).stdout
    for package in json.loads(output)["packages"]:
        if package["name"] == "windows-sys" and package["version"] == WINDOWS_SYS:
            return pathlib.Path(package["manifest_path"]).parent / "src/Windows"
    raise SystemExit(f"cargo metadata does not list windows-sys {WINDOWS_SYS}")


def fetch_mingw(cache):
    """The include folder of Debian's mingw-w64-common."""
    cache.mkdir(parents=True, exist_ok=True)
    package = cache / f"mingw-w64-common_{MINGW}_all.deb"
    if not package.exists():
        download = ["apt-get", "-qq", "download", f"mingw-w64-common={MINGW}"]
        try:
            if subprocess.run(download, cwd=cache).returncode != 0:
                # A fresh machine has no package lists yet; only root may fetch them.
                subprocess.run(["apt-get", "-qq", "update"], check=True)
                subprocess.run(download, cwd=cache, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SystemExit(
                f"cannot fetch mingw-w64-common {MINGW}: {error}\nhint: put {package.name} from a Debian mirror into `{cache}`"
            ) from None
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    if digest != MINGW_SHA256:
        raise SystemExit(f"`{package}` has sha256 {digest}, expected {MINGW_SHA256}\nhint: delete it and run again")
    unpacked = cache / f"mingw-{MINGW}"
    if not unpacked.exists():
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True)
    return unpacked / "usr/share/mingw-w64/include"


RUST_CONST = re.compile(r"^pub const (\w+): ([\w:]+) = (0x[0-9A-Fa-f]+|-?\d+)(?:_?[ui]\d+)?(?: as _)?;", re.M)
# Plain integers that are error numbers all the same: by name anywhere, or by name in the module of a header of errors.
UNTYPED_WIN32 = re.compile(r"^(ERROR_INTERNET_|ERROR_HTTP_|ERROR_WINHTTP_|ERROR_FTP_|ERROR_GOPHER_|NERR_|WSA)\w+$")
UNTYPED_MODULES = {
    "Win32/Foundation",
    "Win32/Graphics/Printing",
    "Win32/NetworkManagement/Dhcp",
    "Win32/NetworkManagement/NetShell",
    "Win32/NetworkManagement/QoS",
    "Win32/NetworkManagement/Rras",
    "Win32/System/ApplicationInstallationAndServicing",
    "Win32/System/RemoteManagement",
}
NOT_A_CODE = re.compile(
    # ERROR_IMAGE_NOT_AT_BASE and ERROR_IMAGE_AT_DIFFERENT_BASE are codes, other bases begin a range.
    r"^(ERROR_\w+(?<!_AT)(?<!_DIFFERENT)_BASE$|ERROR_\w+_LAST$|FACILITY_|SEVERITY_|APPLICATION_ERROR_MASK|NERR_BASE$|MAX_NERR$|WINHTTP_ERROR_(BASE|LAST)$|INTERNET_ERROR_(BASE|LAST)$"
    r"|JET_errcat|WSABASEERR$|ERROR_SEVERITY_|ERROR_WINHTTP_AUTO_PROXY_SERVICE_ERROR_BASE|WSADESCRIPTION_LEN|WSASYS_STATUS_LEN"
    r"|WSA_FLAG_|WSA_MAXIMUM_WAIT_EVENTS$|WSAPROTOCOL_LEN$|ERROR_SPECF_)"
)


def windows_sys_facts(root):
    """Every constant typed HRESULT, NTSTATUS or WIN32_ERROR, and those families that the crate leaves as integers."""
    facts = []
    for path in sorted(root.rglob("*.rs")):
        module = path.relative_to(root).parent.as_posix()
        # The general headers before the special ones: their names are the ones people use.
        of_module = 20 if module == "Win32/Foundation" else 40
        for name, kind, number in RUST_CONST.findall(path.read_text()):
            rank = of_module
            kind = kind.rsplit("::", 1)[-1]
            value = int(number, 0) & 0xFFFFFFFF
            if NOT_A_CODE.match(name):
                continue
            if kind in ("HRESULT", "NTSTATUS"):
                space = kind.lower()
            elif kind in ("WIN32_ERROR", "RPC_STATUS", "WSA_ERROR"):
                space = win32_or_hresult(value)
            elif kind in ("u32", "i32") and UNTYPED_WIN32.match(name) and value < 0x10000:
                space = "win32"
            elif kind in ("u32", "i32") and module in UNTYPED_MODULES and re.match(r"^(ERROR|STATUS)_[A-Z]", name):
                space = "ntstatus" if name.startswith("STATUS_") else win32_or_hresult(value)
                rank = 45
            elif kind in ("u32", "i32") and re.match(r"^JET_(err|wrn)[A-Z]", name):
                space = "esent"
            else:
                continue
            facts.append(Fact(space, value, name, "windows-sys", rank))
    return facts


def win32_or_hresult(value):
    """A number that a header calls a Win32 error: those of the graphics and filtering drivers are HRESULTs in fact.

    0xE000xxxx stays: it is SetupAPI's own range of Win32 numbers (APPLICATION_ERROR_MASK)."""
    return "hresult" if value >> 28 in (0x4, 0x8, 0xC) else "win32"


DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+(.+?)[ \t]*(?://.*|/\*.*)?$", re.M)
NUMBER = re.compile(r"^\(*\s*(?:\(?(?:DWORD|LONG|HRESULT|NTSTATUS|ULONG|int)\)?\s*)?\(*\s*(-?(?:0[xX][0-9A-Fa-f]+|\d+))[UuLl]*\s*\)*$")
WRAPPED = re.compile(r"^\(*\s*(_HRESULT_TYPEDEF_|_NDIS_ERROR_TYPEDEF_|__MSABI_LONG|_WIN32_TYPEDEF_|\(?\(?(?:HRESULT|NTSTATUS|DWORD)\)?)\s*\(?\s*(.+?)\s*\)?\s*\)*$")


def header_defines(text):
    """name -> (value, whether the header says HRESULT), aliases resolved; the first definition counts."""
    raw = {}
    for name, body in DEFINE.findall(text):
        raw.setdefault(name, body.strip())
    resolved = {}

    def resolve(name, depth=0):
        if name in resolved:
            return resolved[name]
        body = raw.get(name)
        if body is None or depth > 4:
            return None
        hresult = "HRESULT" in body
        match = NUMBER.match(body)
        if not match:
            inner = WRAPPED.match(body)
            if inner:
                hresult = hresult or inner.group(1) == "_HRESULT_TYPEDEF_"
                match = NUMBER.match(inner.group(2))
                if not match and re.fullmatch(r"\w+", inner.group(2)):
                    target = resolve(inner.group(2), depth + 1)
                    return target and (target[0], hresult or target[1])
        if match:
            resolved[name] = (int(match.group(1), 0) & 0xFFFFFFFF, hresult)
            return resolved[name]
        if re.fullmatch(r"\w+", body):
            return resolve(body, depth + 1)
        based = re.fullmatch(r"\(\s*(\w+)\s*\+\s*(\d+)\s*\)", body)
        if based:
            target = resolve(based.group(1), depth + 1)
            return target and ((target[0] + int(based.group(2))) & 0xFFFFFFFF, target[1])
        return None

    for name in raw:
        value = resolve(name)
        if value is not None:
            resolved[name] = value
    return resolved


WINERROR_NOT_CODES = re.compile(r"^(FACILITY_|STATUS_SEVERITY_|SEVERITY_|APPLICATION_ERROR_MASK|ERROR_SEVERITY_|_|NOERROR$|WSABASEERR$|STRICT|RPC_$|MAX_|.*_H$|DO_\w*(MASK|ZONE))")


def header_facts(path, source, rank, only=None):
    """The codes that one header defines."""
    facts = []
    space_of_header = "ntstatus" if path.name.lower() == "ntstatus.h" else None
    for name, (value, hresult) in header_defines(path.read_text(errors="replace")).items():
        if WINERROR_NOT_CODES.match(name) or (only and not only.match(name)):
            continue
        if space_of_header:
            space = space_of_header
        elif hresult or re.match(r"^(WU|BG|DISMAPI|DO)_[ES]_", name):
            space = "hresult"
        elif "_S_" in name and value > 0xFFFF:
            space = "hresult"
        else:
            space = win32_or_hresult(value)
        # The bounds of a range are names too, but never the one to show.
        bound = 50 if re.search(r"_(FIRST|LAST)$", name) else 0
        facts.append(Fact(space, value, name, source, rank + bound))
    return facts


def mingw_facts(include):
    source = "mingw-w64"
    return (
        header_facts(include / "winerror.h", source, 30)
        + header_facts(include / "ntstatus.h", source, 30, re.compile(r"^(STATUS|DBG|RPC_NT|EPT_NT)_\w+$"))
        + header_facts(include / "wuerror.h", source, 30, re.compile(r"^WU_[ES]_"))
        + header_facts(include / "bitsmsg.h", source, 30, re.compile(r"^BG_[ES]_"))
        + header_facts(include / "dismapi.h", source, 30, re.compile(r"^DISMAPI_[ES]_"))
    )


def read_tsv(path):
    """Rows of a table of ours: tab-separated, `#` starts a comment line, the first row names the columns."""
    rows = []
    columns = None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if columns is None:
            columns = cells
            continue
        if len(cells) != len(columns):
            raise SystemExit(f"{path}:{number}: {len(cells)} cells, the head has {len(columns)}")
        rows.append(dict(zip(columns, cells)))
    return rows


def own_facts(folder):
    """names/*.tsv with the columns space, value, name. Rows of one value are listed newest name first."""
    facts = []
    for path in sorted(folder.glob("*.tsv")):
        rows = read_tsv(path)
        if not rows or "name" not in rows[0]:
            continue
        # Headers before what articles call a code; our own tables before both.
        first = {"sdk": 35, "articles": 90}.get(path.stem, 1)
        seen = {}
        for row in rows:
            key = (row["space"], row["value"])
            rank = first + seen.get(key, 0)
            seen[key] = seen.get(key, 0) + 1
            if row["space"] not in SPACES:
                raise SystemExit(f"{path}: unknown space `{row['space']}`")
            facts.append(Fact(row["space"], int(row["value"], 0) & 0xFFFFFFFF, row["name"], f"names/{path.name}", rank))
    return facts


def cache_folder():
    default = pathlib.Path(__file__).resolve().parents[3] / "target/code-sources"
    return pathlib.Path(os.environ.get("CODE_SOURCES", default))
