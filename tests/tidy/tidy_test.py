#!/usr/bin/python3
"""Each rule of tidy.py is fed a tree that breaks it, and one that does not."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tidy  # noqa: E402  (from the folder of this file)

LAYERS = tidy.Layers("""
[parts]
low  >
mid  > low
high > low mid/some_
tests > *
[libraries]
<lmdb.h>    : mid/
<event2/*>  : low/net
<free.h>    : *
[system]
stdio.h sys/*
""")

GUARD = "#ifndef {0}\n#define {0}\n#endif\n"


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="daybook-tidy-")
        self.folders = tidy.FOLDERS
        tidy.FOLDERS = ("low", "mid", "high", "tests", "stray")

    def tearDown(self):
        tidy.FOLDERS = self.folders
        shutil.rmtree(self.root)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)
        readme = os.path.join(os.path.dirname(full), "README.md")
        if not os.path.exists(readme):
            with open(readme, "w", encoding="utf-8") as f:
                f.write("x\n")

    def header(self, path):
        self.write(path, GUARD.format(path.upper().replace("/", "_").replace(".", "_")))

    def found(self, allow=frozenset()):
        return tidy.check_source(self.root, LAYERS, allow)

    def expect(self, *parts):
        """One finding for each of parts, in order, that contains it; and no other."""
        found = self.found()
        self.assertEqual(len(found), len(parts), found)
        for line, part in zip(found, parts):
            self.assertIn(part, line)

    # ---- layers ----

    def test_clean_tree(self):
        self.header("low/a.h")
        self.write("low/a.c", '#include "low/a.h"\n\n#include <stdio.h>\n#include <sys/x.h>\n')
        self.write("mid/b.c", '#include "low/a.h"\n#include <lmdb.h>\n#include <free.h>\n')
        self.write("tests/t.c", '#include "mid/b.c"\n#include "low/a.h"\n')
        self.expect()

    def test_arrow_upwards(self):
        self.header("mid/b.h")
        self.write("low/a.c", '#include "mid/b.h"\n')
        self.expect('low/a.c:1: layer: "mid/b.h"; low may include: nothing but its own part')

    def test_arrow_that_is_not_in_the_table(self):
        self.header("mid/b.h")
        self.header("mid/some_c.h")
        self.write("high/a.c", '#include "mid/b.h"\n#include "mid/some_c.h"\n')
        self.expect('high/a.c:1: layer: "mid/b.h"')

    def test_arrow_hidden_by_spaces(self):
        self.header("mid/b.h")
        self.write("low/a.c", ' #  include   "mid/b.h" // why not\n')
        self.expect("low/a.c:1: layer:")

    def test_include_in_a_comment_is_none(self):
        self.write("low/a.c", '/* as in\n#include "mid/b.h"\n*/\n// #include <lmdb.h>\n')
        self.expect()

    def test_include_that_is_not_from_the_root(self):
        self.header("low/a.h")
        self.write("low/b.c", '#include "a.h"\n')
        self.expect('low/b.c:1: include: "a.h" is not a file')

    def test_own_header_first(self):
        self.header("low/a.h")
        self.write("low/a.c", '#include <stdio.h>\n#include "low/a.h"\n')
        self.expect("low/a.c:1: include: the first include must be")

    def test_file_in_no_part(self):
        self.write("stray/a.c", "int x(void);\n")
        self.expect("stray/a.c:1: layer: the file is in no part")

    # ---- libraries ----

    def test_library_outside_its_folder(self):
        self.write("low/a.c", "#include <lmdb.h>\n#include <event2/event.h>\n")
        self.write("low/net.c", "#include <event2/event.h>\n")
        self.expect("low/a.c:1: library: <lmdb.h> may be used by: mid/",
                    "low/a.c:2: library: <event2/event.h>")

    def test_unknown_library(self):
        self.write("low/a.c", "#include <curl/curl.h>\n")
        self.expect("low/a.c:1: library: <curl/curl.h> may be used by: nobody")

    # ---- calls ----

    def test_banned_calls(self):
        for name in ("sprintf", "strcpy", "strtol", "gmtime", "localtime", "system", "alloca"):
            self.write("low/a.c", f"int f(void)\n{{\n    {name} (1);\n}}\n")
            self.expect(f"low/a.c:3: banned: {name}();")

    def test_names_that_only_look_banned(self):
        self.write("low/a.c", 'int f(void)\n{\n    my_sprintf(1);\n    x.system(1);\n'
                              '    p->system(1);\n    g("strcpy(a)"); // strcpy(b)\n'
                              "    int system = 1;\n    static_assert(1);\n}\n")
        self.expect()

    def test_assert_header(self):
        self.write("low/a.c", "#include <assert.h>\n")
        self.expect("low/a.c:1: banned: assert.h")

    def test_lmdb_flags(self):
        self.write("low/a.c", "int a = MDB_NOSYNC | MDB_WRITEMAP;\nint b = MDB_DUPSORT;\n"
                              "int c = MDB_NOSYNC_OTHER;\n")
        self.expect("low/a.c:1: lmdb: MDB_WRITEMAP",
                    "low/a.c:1: lmdb: MDB_NOSYNC", "low/a.c:2: lmdb: MDB_DUPSORT")

    def test_signal_goto_typedef(self):
        self.write("low/a.c", "int f(void)\n{\n    signal(SIGPIPE, SIG_IGN);\n"
                              "    signal(SIGTERM, stop);\n    goto out;\n    goto again;\n}\n"
                              "typedef struct x x;\ntypedef int (*fn)(void);\n")
        self.expect("low/a.c:4: banned: signal()", "low/a.c:6: goto: goto again",
                    "low/a.c:8: typedef:")

    # ---- sizes ----

    def test_file_sizes(self):
        self.write("low/a.c", "int x(void);\n" * 600)
        self.write("low/b.c", "int x(void);\n" * 601)
        guard = GUARD.format("LOW_C_H")
        self.write("low/c.h", guard + "\n" * 197)
        self.write("low/d.h", GUARD.format("LOW_D_H") + "\n" * 198)
        self.write("low/e.py", "x\n" * 601)
        self.expect("low/b.c:601: size: 601 lines; allowed: 600",
                    "low/d.h:201: size: 201 lines; allowed: 200", "low/e.py:601: size:")

    def test_line_size_is_in_characters(self):
        self.write("low/a.c", "// " + "é" * 97 + "\n// " + "é" * 98 + "\n")
        self.expect("low/a.c:2: size: 101 chars; allowed: 100")

    def function(self, head, lines):
        return f"{head}\n{{\n" + "    x();\n" * (lines - 2) + "}\n"

    def test_function_size(self):
        self.write("low/a.c", self.function("static int f(void)", 70) + "\n"
                   + self.function("int g(int a,\n      int b)", 71))
        self.expect("low/a.c:73: size: a function of 71 lines; allowed: 70")

    def test_long_tables_are_no_functions(self):
        self.write("low/a.c", "static const int t[] =\n{\n" + "    1,\n" * 99 + "};\n"
                              "struct x\n{\n" + "    int a;\n" * 99 + "};\n")
        self.expect()

    def test_parameters(self):
        self.write("low/a.c", "int f(int a, int b, int c, int d, int (*e)(int, int, int))\n{\n}\n"
                              "int g(int a, int b, int c, int d, int e,\n      int f)\n{\n}\n"
                              "int h(void)\n{\n}\n")
        self.expect("low/a.c:4: size: 6 parameters; allowed: 5")

    # ---- headers and folders ----

    def test_guard(self):
        self.write("low/a.h", "#ifndef SOMETHING\n#define SOMETHING\n#endif\n")
        self.expect("low/a.h:1: guard: want '#ifndef LOW_A_H'")

    def test_status_must_be_checked(self):
        self.write("low/a.h", "#ifndef LOW_A_H\n#define LOW_A_H\n"
                   "enum status a_open(int x,\n                   int y) MUST_CHECK;\n"
                   "enum status a_close(int x,\n                    int y);\n"
                   "enum status (*fn)(void);\n#endif\n")
        self.expect("low/a.h:5: must_check: a_close() returns a status")

    def test_folder_without_readme(self):
        self.write("low/a.c", "int x(void);\n")
        os.remove(os.path.join(self.root, "low/README.md"))
        self.expect("low:0: readme:")

    def test_allowed_exception(self):
        self.write("low/a.c", "int x(void);\n" * 601)
        self.assertEqual(len(self.found()), 1)
        self.assertEqual(self.found({("size", "low/a.c", "")}), [])
        self.assertEqual(len(self.found({("size", "low/b.c", "")})), 1)
        self.assertEqual(len(self.found({("banned", "low/a.c", "")})), 1)

    def test_exception_needs_a_reason(self):
        self.assertEqual(tidy.read_allow("# x\n\nsize a.c # why\n"), {("size", "a.c", "")})
        for bad in ("size a.c", "size a.c #", "size # why", "a b c d # why"):
            with self.assertRaises(ValueError):
                tidy.read_allow(bad)


class Globals(unittest.TestCase):
    """Compiled for real: what is writable is decided by the compiler, not by a pattern."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="daybook-tidy-")
        self.folders = tidy.FOLDERS
        tidy.FOLDERS = ("low",)
        os.makedirs(os.path.join(self.root, "low"))
        self.out = os.path.join(self.root, "build/low/CMakeFiles/low.dir")
        os.makedirs(self.out)

    def tearDown(self):
        tidy.FOLDERS = self.folders
        shutil.rmtree(self.root)

    def found(self, text, allow=frozenset()):
        source = os.path.join(self.root, "low/a.c")
        with open(source, "w", encoding="utf-8") as f:
            f.write(text)
        subprocess.run(["cc", "-O2", "-fPIC", "-c", source, "-o",
                        os.path.join(self.out, "a.c.o")], check=True)
        return tidy.check_globals(self.root, os.path.join(self.root, "build"), allow)

    def test_constants_are_fine(self):
        self.assertEqual(self.found('static const char *const t[] = {"a", "b"};\n'
                                    "const char *f(int i) { return t[i]; }\n"
                                    "const int n = 3;\n"), [])

    def test_each_kind_of_state(self):
        for text, name in (("int n;\n", "n"), ("int n = 1;\n", "n"),
                           ("static int n;\nint f(void) { return n++; }\n", "n"),
                           ("int f(void) { static int n; return n++; }\n", "n"),
                           ("_Thread_local int n;\n", "n"),
                           ('const char *t[] = {"a"};\n', "t")):
            found = self.found(text)
            self.assertEqual(len(found), 1, text)
            self.assertIn(f"low/a.c:1: global: {name} is mutable state", found[0])

    def test_allowed_state(self):
        self.assertEqual(self.found("int n;\n", {("global", "low/a.c", "n")}), [])
        self.assertEqual(len(self.found("int m;\n", {("global", "low/a.c", "n")})), 1)

    def test_nothing_built_is_a_finding(self):
        found = tidy.check_globals(self.root, os.path.join(self.root, "build"), set())
        self.assertIn("no object of the product was found", found[0])

    def test_object_of_a_removed_source_is_skipped(self):
        self.found("int n;\n")
        os.remove(os.path.join(self.root, "low/a.c"))
        found = tidy.check_globals(self.root, os.path.join(self.root, "build"), set())
        self.assertIn("no object", found[0])


class Format(unittest.TestCase):
    def test_one_file_of_two(self):
        folders = tidy.FOLDERS
        root = tempfile.mkdtemp(prefix="daybook-tidy-")
        try:
            tidy.FOLDERS = ("low",)
            os.makedirs(os.path.join(root, "low"))
            for name, text in (("good.c", "int x(void);\n"), ("bad.c", "int  x( void );\n"),
                               ("../.clang-format", "BasedOnStyle: LLVM\n")):
                with open(os.path.join(root, "low", name), "w", encoding="utf-8") as f:
                    f.write(text)
            found = tidy.check_format(root)
            self.assertEqual([f.split(":")[0] for f in found], ["low/bad.c"])
        finally:
            tidy.FOLDERS = folders
            shutil.rmtree(root)


if __name__ == "__main__":
    unittest.main()
