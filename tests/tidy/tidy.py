#!/usr/bin/python3
"""Rules of the house that no compiler checks: layers, banned calls, sizes, state.

  tidy.py source  ROOT            every rule about source text
  tidy.py globals ROOT BUILD      no mutable globals or static locals in the objects of BUILD
  tidy.py format  ROOT            clang-format 14 would change nothing

One finding a line, "path:line: rule: what is wrong and what is allowed". Exit 1 if there is any.
Tables: layers.txt (arrows and libraries), allow.txt (exceptions). Text only: comments and literals
are blanked before a rule looks at code, so no rule sees a banned word that is merely written about.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys

FOLDERS = ("engine", "schemas", "aggregators", "collectors", "clients", "bench", "tests")
FILE_LINES, HEADER_LINES, FUNCTION_LINES, LINE_CHARS, PARAMS = 600, 200, 70, 100, 5

BANNED_CALLS = {
    "sprintf": "text_fmt", "vsprintf": "text_fmt", "strcpy": "memcpy with a length",
    "stpcpy": "memcpy with a length", "strcat": "struct buf", "strncat": "struct buf",
    "strncpy": "memcpy with a length", "strtok": "a reader over struct str",
    "strtok_r": "a reader over struct str", "atoi": "text_u64", "atol": "text_u64",
    "atoll": "text_u64", "atof": "text_u64", "strtol": "text_u64", "strtoll": "text_u64",
    "strtoul": "text_u64", "strtoull": "text_u64", "gets": "fgets", "gmtime": "civil_from_day", "gmtime_r": "civil_from_day",
    "localtime": "civil_from_day", "localtime_r": "civil_from_day", "mktime": "day_from_civil",
    "timegm": "day_from_civil", "alloca": "an arena", "system": "posix_spawn",
    "assert": "CHECK", "rand": "hash_mix of a seed", "srand": "hash_mix of a seed",
}
# LMDB: sorted duplicates cost more than packed rows; the others give up durability or safety.
BANNED_WORDS = ("MDB_DUPSORT", "MDB_DUPFIXED", "MDB_WRITEMAP", "MDB_NOSYNC", "MDB_NOMETASYNC",
                "MDB_MAPASYNC", "MDB_NOLOCK")


class Finding(str):
    """'path:line: rule: text'"""


def finding(path, line, rule, text):
    return Finding(f"{path}:{line}: {rule}: {text}")


# ---- source text ----

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """The text with comments and literals as spaces; lines keep their numbers and lengths."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group(0))

    def keep_include(match):
        start = text.rfind("\n", 0, match.start()) + 1
        line = text[start:match.start()]
        return match.group(0) if re.match(r"\s*#\s*include\s*$", line) else spaces(match)

    return TOKEN.sub(keep_include, text)


class Source:
    """One C file: raw lines, and lines with comments and literals blanked."""

    def __init__(self, root, path):
        self.path = path
        with open(os.path.join(root, path), encoding="utf-8") as f:
            self.text = f.read()
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.code_text = blank(self.text)
        self.code = self.code_text.split("\n")[:len(self.lines)]


def files_of(root, endings):
    for folder in FOLDERS:
        for where, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = sorted(d for d in dirs if d not in ("node_modules", "__pycache__", "build"))
            for name in sorted(names):
                if name.endswith(endings):
                    yield os.path.relpath(os.path.join(where, name), root)


# ---- tables ----

class Layers:
    def __init__(self, text):
        self.parts, self.libraries, self.system = {}, {}, []
        section = None
        for line in text.split("\n"):
            line = line.split("#")[0].strip()
            if not line:
                continue
            if line.startswith("["):
                section = line.strip("[]")
            elif section == "parts":
                part, may = line.split(">")
                self.parts[part.strip()] = may.split()
            elif section == "libraries":
                name, may = line.split(":")
                self.libraries[name.strip().strip("<>")] = may.split()
            elif section == "system":
                self.system += line.split()
            else:
                raise ValueError(f"layers.txt: a line outside of a section: {line}")

    def part_of(self, path):
        fits = [p for p in self.parts if path == p or path.startswith(p + "/")]
        return max(fits, key=len, default=None)

    def may_include(self, path, target):
        part = self.part_of(path)
        return (self.part_of(target) == part or "*" in self.parts[part]
                or any(begins(target, p) for p in self.parts[part]))

    def may_use(self, path, header):
        """None: allowed. Else who may."""
        if any(fnmatch.fnmatch(header, s) for s in self.system):
            return None
        for name, may in self.libraries.items():
            if fnmatch.fnmatch(header, name):
                ok = "*" in may or any(path.startswith(p) for p in may)
                return None if ok else " ".join(may)
        return "nobody; a new library is a row of layers.txt"


def begins(target, prefix):
    """A prefix is a part (whole names) or the beginning of file names in one."""
    return target.startswith(prefix) and (
        target == prefix or target[len(prefix)] == "/" or prefix.count("/") >= 1
        and os.path.dirname(target) == os.path.dirname(prefix))


def read_allow(text):
    """{(rule, path, name)}; a row without its reason is an error."""
    rows = set()
    for number, line in enumerate(text.split("\n"), 1):
        row, mark, reason = line.partition("#")
        words = row.split()
        if not words:
            continue
        if not mark or not reason.strip() or not 2 <= len(words) <= 3:
            raise ValueError(f"allow.txt:{number}: want 'RULE PATH [NAME] # reason'")
        rows.add((words[0], words[1], words[2] if len(words) == 3 else ""))
    return rows


# ---- rules over one C file ----

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]*)"|<([^>]*)>)')


def rule_includes(src, root, layers):
    if layers.part_of(src.path) is None:
        yield finding(src.path, 1, "layer", "the file is in no part of tests/tidy/layers.txt")
        return
    first = None
    for number, line in enumerate(src.code, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, angled = match.groups()
        first = first or quoted or angled
        if angled == "assert.h":
            yield finding(src.path, number, "banned", "assert.h; use CHECK of engine/base/check.h")
        elif angled:
            may = layers.may_use(src.path, angled)
            if may:
                yield finding(src.path, number, "library", f"<{angled}> may be used by: {may}")
        elif not os.path.exists(os.path.join(root, quoted)):
            yield finding(src.path, number, "include",
                          f'"{quoted}" is not a file as seen from the root of the tree')
        elif not layers.may_include(src.path, quoted):
            part = layers.part_of(src.path)
            allowed = " ".join(layers.parts[part]) or "nothing but its own part"
            yield finding(src.path, number, "layer",
                          f'"{quoted}"; {part} may include: {allowed}')
    own = src.path[:-2] + ".h"
    if src.path.endswith(".c") and os.path.exists(os.path.join(root, own)) and first != own:
        yield finding(src.path, 1, "include", f'the first include must be the own header "{own}"')


CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(BANNED_CALLS))
SIGNAL = re.compile(r"(?<![\w.>])signal\s*\([^,]*,\s*(\w+)")
GOTO = re.compile(r"\bgoto\s+(\w+)")


def rule_banned(src, *_):
    for number, line in enumerate(src.code, 1):
        for match in CALL.finditer(line):
            name = match.group(1)
            yield finding(src.path, number, "banned", f"{name}(); use {BANNED_CALLS[name]}")
        for word in BANNED_WORDS:
            if re.search(rf"\b{word}\b", line):
                yield finding(src.path, number, "lmdb", f"{word} is not to be used")
        for match in SIGNAL.finditer(line):
            if match.group(1) not in ("SIG_IGN", "SIG_DFL"):
                yield finding(src.path, number, "banned", "signal(); use loop_signal")
        for match in GOTO.finditer(line):
            if match.group(1) != "out":
                yield finding(src.path, number, "goto",
                              f"goto {match.group(1)}; the only label is one forward 'out'")
        if re.search(r"\btypedef\s+(struct|union|enum)\b", line):
            yield finding(src.path, number, "typedef", "structs are written 'struct x'")


def bodies(src):
    """(line, lines of the body, signature) of each function. Formatted code has its body's braces
    in column 0, and a signature is the lines since the last blank, ';', '}' or '#' line."""
    start = None
    for number, line in enumerate(src.code, 1):
        if line.startswith("{"):
            top = number - 1
            while top > 0 and src.code[top - 1].strip() and \
                    not re.search(r"[;}]\s*$|^\s*#", src.code[top - 1]):
                top -= 1
            signature = " ".join(s.strip() for s in src.code[top:number - 1])
            if re.search(r"\)\s*(__attribute__.*)?$", signature):
                start = (top + 1, number, signature)
        elif line.startswith("}") and start:
            yield start[0], number - start[1] + 1, start[2]
            start = None


def params_of(signature):
    """The number of parameters, counted in the last outermost pair of parentheses."""
    depth, n, used, last = 0, 0, False, 0
    for c in signature:
        if c == "(":
            depth += 1
            if depth == 1:
                n, used = 0, False
        elif c == ")":
            depth -= 1
            if depth == 0:
                last = n + 1 if used else 0
        elif depth == 1 and c == ",":
            n += 1
        elif depth >= 1 and not c.isspace():
            used = True
    return last


def rule_sizes(src, *_):
    limit = HEADER_LINES if src.path.endswith(".h") else FILE_LINES
    if len(src.lines) > limit:
        yield finding(src.path, len(src.lines), "size",
                      f"{len(src.lines)} lines; allowed: {limit}")
    for number, line in enumerate(src.lines, 1):
        if len(line) > LINE_CHARS:
            yield finding(src.path, number, "size", f"{len(line)} chars; allowed: {LINE_CHARS}")
    for first, lines, signature in bodies(src):
        if lines > FUNCTION_LINES:
            yield finding(src.path, first, "size",
                          f"a function of {lines} lines; allowed: {FUNCTION_LINES}")
        if params_of(signature) > PARAMS:
            yield finding(src.path, first, "size",
                          f"{params_of(signature)} parameters; allowed: {PARAMS}")


def rule_headers(src, *_):
    """Guards named by path; what can fail must be checked by its caller."""
    if not src.path.endswith(".h"):
        return
    guard = re.sub(r"[^A-Z0-9]", "_", src.path.upper())
    guards = (guard, os.path.basename(src.path).upper().replace(".", "_"))
    if not any(f"#ifndef {g}\n#define {g}\n" in src.text for g in guards):
        yield finding(src.path, 1, "guard", f"want '#ifndef {guard}'")
    if src.path.startswith("tests/"):
        return
    for match in re.finditer(r"^(?:extern )?enum status \w+\(.*?;", src.code_text, re.M | re.S):
        if not re.search(r"\bMUST_CHECK\b|warn_unused_result", match.group(0)):
            line = src.code_text.count("\n", 0, match.start()) + 1
            name = re.search(r"status (\w+)", match.group(0)).group(1)
            yield finding(src.path, line, "must_check", f"{name}() returns a status")


RULES = (rule_includes, rule_banned, rule_sizes, rule_headers)


# ---- rules over the tree ----

NO_README = ("tests/unit/*", "tests/data/*", "*/golden", "*/__pycache__")


def rule_readmes(root):
    for folder in FOLDERS + ("cmake",):
        for where, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = sorted(d for d in dirs if d not in ("node_modules", "__pycache__", "build"))
            path = os.path.relpath(where, root)
            if not names or "README.md" in names:
                continue
            if not any(fnmatch.fnmatch(path, p) for p in NO_README):
                yield finding(path, 0, "readme", "a folder has a README.md: its idea, its one rule")


def rule_script_sizes(root):
    for path in files_of(root, (".py", ".js", ".mjs", ".sh")):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            n = len(f.readlines())
        if n > FILE_LINES:
            yield finding(path, n, "size", f"{n} lines; allowed: {FILE_LINES}")


def check_source(root, layers, allow):
    found = []
    for path in files_of(root, (".c", ".h")):
        src = Source(root, path)
        for rule in RULES:
            found += rule(src, root, layers)
    found += rule_readmes(root)
    found += rule_script_sizes(root)
    return [f for f in found if not allowed(f, allow)]


def allowed(text, allow):
    path, _, rule, *_ = (w.strip() for w in text.split(":", 3))
    return (rule, path, "") in allow


# ---- objects ----

OBJECT = re.compile(r"CMakeFiles/[^/]+\.dir/(.*\.c)\.o$")
SYMBOL = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+[0-9a-f]+\s+(?:\.hidden )?(\S+)$")


def objects_of(root, build):
    """(object file, its source) of product code whose source still exists."""
    for folder in FOLDERS:
        if folder in ("bench", "tests"):
            continue
        for where, _, names in os.walk(os.path.join(build, folder)):
            for name in sorted(names):
                path = os.path.join(where, name)
                match = OBJECT.search(path)
                if not match:
                    continue
                base = os.path.relpath(path[:match.start()], build)
                source = os.path.normpath(os.path.join(base, match.group(1)))
                if os.path.exists(os.path.join(root, source)):
                    yield path, source


def mutable_symbols(dump):
    """Names of data objects in writable sections. .data.rel.ro is written by the loader only."""
    for line in dump.split("\n"):
        match = SYMBOL.match(line)
        if not match or "d" in match.group(1): # 'd': the section itself
            continue
        section, name = match.group(2), match.group(3)
        writable = re.match(r"\.(data|bss|tdata|tbss)\b|\*COM\*", section)
        if writable and not section.startswith(".data.rel.ro"):
            yield re.sub(r"\.\d+$", "", name)


def check_globals(root, build, allow):
    found, seen = [], set()
    for path, source in objects_of(root, build):
        seen.add(source)
        dump = subprocess.run(["objdump", "-t", path], capture_output=True, text=True, check=True)
        for name in mutable_symbols(dump.stdout):
            if ("global", source, name) not in allow:
                found.append(finding(source, 1, "global", f"{name} is mutable state of the process;"
                                                          " pass a context instead"))
    if not seen:
        found.append(finding(build, 0, "global", "no object of the product was found here"))
    return sorted(set(found))


# ---- format ----

def check_format(root):
    tool = shutil.which("clang-format-14")
    if not tool:
        return [finding("clang-format-14", 0, "format", "not installed; see packages.txt")]
    paths = list(files_of(root, (".c", ".h")))
    run = subprocess.run([tool, "--dry-run", "-Werror", "--style=file"] + paths, cwd=root,
                         capture_output=True, text=True)
    lines = re.findall(r"^(\S+?):(\d+):\d+: error: (.*)$", run.stderr, re.M)
    found = [finding(path, line, "format", "clang-format-14 -i would change this")
             for path, line, _ in {p: (p, n, t) for p, n, t in reversed(lines)}.values()]
    if run.returncode != 0 and not found:
        found.append(finding(".clang-format", 1, "format", run.stderr.strip()[:500]))
    return sorted(found)


def read(root, name):
    with open(os.path.join(root, "tests/tidy", name), encoding="utf-8") as f:
        return f.read()


def main(argv):
    if len(argv) < 3 or argv[1] not in ("source", "globals", "format"):
        print(__doc__, file=sys.stderr)
        return 64
    root = os.path.abspath(argv[2])
    allow = read_allow(read(root, "allow.txt"))
    if argv[1] == "source":
        found = check_source(root, Layers(read(root, "layers.txt")), allow)
    elif argv[1] == "globals":
        found = check_globals(root, os.path.abspath(argv[3]), allow)
    else:
        found = check_format(root)
    for line in found:
        print(line)
    print(f"tidy {argv[1]}: {len(found)} finding(s)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
