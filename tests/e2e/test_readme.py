"""The README says what is true: every option with its default, every command, every link."""

import os
import re
import subprocess
import unittest

from harness import DAYBOOK, DAYBOOKD
from http_help import HttpTest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


class Readme(unittest.TestCase):
    def setUp(self):
        self.text = read("README.md")
        self.rows = {}
        for line in self.text.splitlines():
            cells = [c.strip() for c in line.strip("|").split("|")]
            if not line.startswith("| `") or len(cells) < 2:
                continue
            names = re.findall(r"`([a-z_]+)`", cells[0])
            values = cells[1].split(", ") if len(names) > 1 else [cells[1]]
            for name, value in zip(names, values + [""] * len(names)):
                self.rows.setdefault(name, value)

    def test_every_option_with_its_default(self):
        options = re.findall(
            r'^O\([A-Z]+, (\w+), "[^"]*", [^"]*, "([^"]*)", \w+,', read("engine/config/option.def"), re.M
        )
        self.assertGreater(len(options), 30)
        for name, default in options:
            self.assertIn(name, self.rows, f"README.md lacks the option {name}")
            self.assertEqual(self.rows[name], default, f"default of {name}")

    def test_every_command(self):
        out = subprocess.run([DAYBOOK, "help"], capture_output=True, text=True, check=True).stdout
        for name in re.findall(r"^  (\w+) ", out, re.M):
            self.assertIn(f"| `{name}` |", self.text)

    def test_every_view(self):
        names = re.findall(r"^VIEW\(\w+, (\w+),", read("schemas/query.def"), re.M)
        self.assertGreater(len(names), 7)
        for name in names:
            self.assertIn(f"`{name}`", self.text)

    def test_every_path_is_there(self):
        for path in re.findall(r"`([a-z]+/[\w./]*)`", self.text):
            if not path.startswith("build/"):
                self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)

    def test_the_programs_are_where_it_says(self):
        for path in re.findall(r"`build/release/([\w/]+)`", self.text):
            self.assertIn(path, ("engine/daybookd", "clients/daybook/daybook"))
            with open(os.path.join(ROOT, os.path.dirname(path), "CMakeLists.txt"), encoding="utf-8") as f:
                self.assertIn(os.path.basename(path), f.read())

    def test_contents_of_the_wire(self):
        text = read("schemas/README.md")
        heads = re.findall(r"^## ((\d+)\. (.*))$", text, re.M)
        slugs = [re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-") for head, _, _ in heads]
        self.assertEqual(re.findall(r"(\d+)\. \[[^]]+\]\(#([^)]+)\)", text),
                         [(n, slug) for (_, n, _), slug in zip(heads, slugs)])

    def test_each_promise_has_its_tests(self):
        promises = re.findall(r"^(\d)\. \*\*", self.text[self.text.index("## What it promises"):], re.M)
        rows = re.findall(r"^\| (\d)\. [^|]*\| (.*) \|$", read("tests/README.md"), re.M)
        self.assertEqual([n for n, _ in rows], promises)
        for _, where in rows:
            paths = re.findall(r"`([\w./]+)`", where)
            self.assertGreater(len(paths), 0)
            for path in paths:
                self.assertTrue(os.path.exists(os.path.join(ROOT, "tests", path)), path)

    def test_commands_of_the_text_are_understood(self):
        for line in re.findall(r"^(daybookd? .*)$", self.text, re.M):
            program = DAYBOOKD if line.startswith("daybookd") else DAYBOOK
            args = re.findall(r"'([^']*)'|(\S+)", line)[1:]
            words = [a or b for a, b in args]
            flags = ["--check"] if program == DAYBOOKD else ["--help"]
            p = subprocess.run([program, *words, *flags], capture_output=True, text=True)
            self.assertEqual(p.returncode, 0, f"{line}\n{p.stderr}")


class Commands(HttpTest):
    """What the text says to type is typed, and does what the text says."""

    def test_of_use_it(self):
        text = read("README.md")
        text = text[text.index("## Use it"):]
        d, c = self.serve()
        env = {**os.environ, "DAYBOOK_INGEST": d.endpoints["ingest"], "DAYBOOK_QUERY": d.endpoints["query"]}
        lines = re.findall(r"^((?:daybook|curl) .*)$", text[: text.index("**In C**")], re.M)
        self.assertEqual(len(lines), 5)
        for line in lines:
            line = re.sub(r"^daybook ", DAYBOOK + " ", line).replace("localhost:7700", d.endpoints["http"])
            if "stream" in line:
                line = line.replace("curl ", "curl -sS --max-time 1 ") + " || true"
            p = subprocess.run(["bash", "-c", line.replace("curl ", "curl -sS ", 1)], env=env, capture_output=True,
                               text=True)
            self.assertEqual(p.returncode, 0, f"{line}\n{p.stderr}")
            self.assertNotIn('"rejected_n":1', p.stdout.replace(" ", ""), line)
            if "text/csv" in line:
                self.assertIn(",42,", p.stdout)
        self.assertEqual([(r["app"], r["count"]) for r in d.rows("records", account=7)], [(42, 1)])
        self.assertEqual([(r["app"], r["calls"]) for r in d.rows("api_usage", account=7)], [(42, 1)])


if __name__ == "__main__":
    unittest.main()
