"""The README says what is true: every option with its default, every command, every link."""

import os
import re
import subprocess
import unittest

from harness import DAYBOOK, DAYBOOKD

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

    def test_commands_of_the_text_are_understood(self):
        for line in re.findall(r"^(daybookd? .*)$", self.text, re.M):
            program = DAYBOOKD if line.startswith("daybookd") else DAYBOOK
            args = re.findall(r"'([^']*)'|(\S+)", line)[1:]
            words = [a or b for a, b in args]
            flags = ["--check"] if program == DAYBOOKD else ["--help"]
            p = subprocess.run([program, *words, *flags], capture_output=True, text=True)
            self.assertEqual(p.returncode, 0, f"{line}\n{p.stderr}")


if __name__ == "__main__":
    unittest.main()
