"""What the command line prints around its commands."""

import argparse
import re
import shlex
import sys

from fusion_assets.cli import main


def test_progress_of_the_archive_is_one_plain_line_where_there_is_no_terminal(capsys, monkeypatch):
    for terminal, said in ((False, "  building the demo archive: 2/2\n"), (True, "\r  building the demo archive: 1/2")):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        main._show_progress(1, 2, "x")
        main._show_progress(2, 2, "x")
        assert capsys.readouterr().out.startswith(said)


def parsers_of(parser):
    """A parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers_of(each)


def test_every_command_has_examples_that_can_be_given():
    whole, seen = main._parser(), 0
    for parser in parsers_of(whole):
        told = re.match(r"examples?: (.*?)(?:\. |$)", parser.epilog or "", re.DOTALL)
        assert told, f"{parser.prog} has no example"
        for example in told[1].split("; "):
            words = [word for word in shlex.split(example) if not re.match("[A-Z_]+=", word)]
            assert words[0] == "fusion"
            if words[1] != "COMMAND":
                whole.parse_args(words[1:])
                seen += 1
    assert seen > 15
