"""Bad parameters, by the schema itself: every parameter of every view is asked with a wrong type, out
of its range, with an unknown word; every view with a parameter that it does not take. The
refusal names the parameter, what it was and what it may be, on the socket and on the command line."""

import os
import subprocess
import unittest

from harness import DAYBOOK, DaemonTest

LARGEST = 2**53 - 1
# By type: values that are none, each with how the message shows it. Numbers come as text too.
WRONG = {
    "uint": [("x", '"x"'), ("", '""'), ("1.5", '"1.5"'), ("-1", '"-1"'), ("0x10", '"0x10"'), (" 7", '" 7"'),
             (True, "true"), (-1, "-1"), (1.5, "a float"), (2**53, str(2**53)), (str(2**64), f'"{2**64}"')],
    "day": [("2026-13-01", '"2026-13-01"'), ("2026-02-30", '"2026-02-30"'), ("today", '"today"'), ("", '""'),
            ("2026-11-23T10:00:00Z", '"2026-11-23T10:00:00Z"'), (20780, "20780"), (False, "false")],
    "time": [("soon", '"soon"'), ("2026-11-23", '"2026-11-23"'), ("", '""'), (True, "true"), (-1, "-1"),
             (2**53, str(2**53)), ("2026-11-23T25:00:00Z", '"2026-11-23T25:00:00Z"')],
    "word": [("colour", '"colour"'), ("", '""'), (7, "7"), (True, "true"), ("Day", '"Day"')],
    "kind": [("api.call", '"api.call"'), ("record.created", '"record.created"'), ("app", '"app"'), ("", '""'), (7, "7")],
    "object type": [("", '""'), ("x" * 300, '"' + "x" * 64 + '"...'), (True, "true")],
    "code": [("no_such_code", '"no_such_code"'), ("", '""'), (7, "7")],
    "text": [("", '""'), (7, "7"), (False, "false")],
    "bool": [("yes", '"yes"'), ("", '""'), (1, "1"), (0, "0"), ("TRUE", '"TRUE"')],
    "cursor": [("", '""'), (7, "7"), (True, "true")],
}


class Parameters(DaemonTest):
    def setUp(self):
        super().setUp()
        self.d = self.daemon()
        self.q = self.d.querier()
        self.parts = {}
        for row in self.d.rows("schema"):
            self.parts.setdefault(row["view"], {"view": [], "parameter": [], "column": []})[row["part"]].append(row)

    def required(self, view):
        given = {"view": view}
        for p in self.parts[view]["parameter"]:
            if p["required"]:
                given[p["name"]] = 1 if p["type"] == "uint" else view
        if view in ("home", "my_apps", "other_apps"):
            given["viewer"] = 1
        return given

    def parameters(self):
        for view, parts in self.parts.items():
            for p in parts["parameter"]:
                if p["name"] != "view":
                    yield view, p

    def assert_bad(self, question, *told):
        answer = self.q.ask(question)
        self.assert_refused(answer, "bad_parameter", retry=False)
        for text in told:
            self.assertIn(text, answer["message"], question)
        return answer["message"]

    def test_every_view_answers_to_what_it_requires(self):
        self.assertGreater(len(self.parts), 20)
        for view in self.parts:
            with self.subTest(view):
                answer = self.q.ask(self.required(view))
                self.assertTrue(answer["ok"] or (view, answer["code"]) == ("app", "not_found"), answer)

    def test_values_that_are_none(self):
        n = 0
        for view, p in self.parameters():
            for value, shown in WRONG[p["type"]]:
                for given in [value] + ([[value]] if p["many"] else []):
                    with self.subTest(view=view, parameter=p["name"], value=given):
                        message = self.assert_bad({**self.required(view), p["name"]: given}, p["name"], shown, "allowed: ")
                        if not isinstance(value, float) and (not isinstance(value, int) or 0 <= value <= LARGEST):
                            self.assertIn(p["allowed"], message)
                        n += 1
        self.assertGreater(n, 1000)

    def test_numbers_beyond_their_bounds(self):
        for view, p in self.parameters():
            if p["type"] != "uint":
                continue
            low, high = map(int, p["allowed"].removeprefix("an integer ").split(".."))
            for value in [low - 1] * (low > 0) + [high + 1] * (high < LARGEST):
                for given in (value, str(value)):
                    with self.subTest(view=view, parameter=p["name"], value=given):
                        self.assert_bad({**self.required(view), p["name"]: given}, p["name"], str(value), p["allowed"])

    def test_texts_that_are_too_long(self):
        for view, p in self.parameters():
            if p["type"] != "text":
                continue
            high = int(p["allowed"].removeprefix("text of ").removesuffix(" bytes").split("..")[1])
            with self.subTest(view=view, parameter=p["name"]):
                self.assert_bad({**self.required(view), p["name"]: "y" * (high + 1)}, p["name"], "y" * 32, p["allowed"])

    def test_words_that_are_known_are_taken(self):
        for view, p in self.parameters():
            if p["type"] != "word":
                continue
            for word in p["allowed"].replace(" or ", ", ").split(", "):
                with self.subTest(view=view, parameter=p["name"], word=word):
                    answer = self.q.ask({**self.required(view), p["name"]: word})
                    # time goes with slot quarter, and says so by name
                    self.assertTrue(answer["ok"] or "slot" in answer["message"], answer)

    def test_arrays_where_one_value_is_meant_and_empty_ones(self):
        for view, p in self.parameters():
            with self.subTest(view=view, parameter=p["name"]):
                if not p["many"]:
                    self.assert_bad({**self.required(view), p["name"]: [1, 2]}, p["name"], "array", "allowed: one value")
                elif p["name"] != "group_by":
                    self.assert_bad({**self.required(view), p["name"]: []}, p["name"], "empty array")

    def test_what_is_neither_value_nor_array_of_values(self):
        for view, p in self.parameters():
            for value in ({"a": 1}, [[1]], [{"a": 1}]):
                with self.subTest(view=view, parameter=p["name"], value=value):
                    self.assert_bad({**self.required(view), p["name"]: value}, p["name"], "allowed: ")

    def test_required_ones_that_are_missing(self):
        for view, p in self.parameters():
            if p["required"]:
                with self.subTest(view=view, parameter=p["name"]):
                    given = self.required(view)
                    del given[p["name"]]
                    for question in (given, {**given, p["name"]: None}):
                        self.assert_bad(question, f"{p['name']} is missing", p["allowed"])
        for view in ("home", "my_apps", "other_apps"):
            self.assert_bad({"view": view, "account": 1}, "viewer is missing")

    def test_parameters_that_a_view_does_not_take(self):
        everywhere = {p["name"] for _, p in self.parameters()}
        for view, parts in self.parts.items():
            takes = [p["name"] for p in parts["parameter"]]
            for name in sorted(everywhere - set(takes)) + ["colour", "accout", "x" * 200, "Account", ""]:
                with self.subTest(view=view, parameter=name):
                    message = self.assert_bad({**self.required(view), name: 1}, view, f'"{name[:64]}"')
                    for known in takes:
                        self.assertIn(known, message)

    def test_views_that_there_are_not(self):
        for view, shown in (("record", '"record"'), ("", '""'), ("R" * 100, "R" * 64), (7, "7"), (True, "true")):
            with self.subTest(view):
                answer = self.q.ask({"view": view, "account": 1})
                self.assertIn(answer["code"], ("not_found", "bad_parameter"))
                for text in ("view", shown, *self.parts):
                    self.assertIn(text, answer["message"])

    def test_parameters_that_do_not_go_together(self):
        for question, told in (
            ({"view": "records", "from": "2026-11-24", "to": "2026-11-01"}, ("from", "2026-11-24", "to", "2026-11-01")),
            ({"view": "activity", "from": 7001, "to": 7000}, ("from", "7001", "to", "7000")),
            ({"view": "activity", "after": 5}, ("after", "order", "allowed: ")),
            ({"view": "api_usage", "group_by": ["day", "time"]}, ("group_by", "time", "slot", "allowed: ")),
            ({"view": "api_usage", "zone": "Mars/Olympus"}, ("zone", "Mars/Olympus", "allowed: ")),
        ):
            with self.subTest(question):
                self.assert_bad({**question, "account": 1}, *told)

    def test_the_command_line_says_the_same(self):
        environment = dict(os.environ, DAYBOOK_QUERY=self.d.endpoints["query"])
        for arguments, told in (
            (("records", "account=x"), ("account", '"x"', "0..9007199254740991")),
            (("records", "account=1", "from=2026-13-01"), ("from", "2026-13-01", "a UTC day such as")),
            (("home", "account=1", "viewer=1", "rows=501"), ("rows", "501", "1..500")),
            (("records", "account=1", "colour=3"), ("colour", "records", "query --help records")),
            (("attention", "account=1", "problem=bad"), ("problem", "bad", "disconnected, expired, error or reauth")),
            (("recordz", "account=1"), ("recordz", "records")),
        ):
            with self.subTest(arguments):
                p = subprocess.run([DAYBOOK, "query", *arguments], env=environment, capture_output=True, text=True)
                self.assertEqual(p.returncode, 64, p)
                self.assertEqual(p.stdout, "")
                for text in told:
                    self.assertIn(text, p.stderr)


if __name__ == "__main__":
    unittest.main()
