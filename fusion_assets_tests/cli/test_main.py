"""What the command line prints around its commands."""

import sys

from fusion_assets.cli import main


def test_progress_of_the_archive_is_one_plain_line_where_there_is_no_terminal(capsys, monkeypatch):
    for terminal, said in ((False, "  building the demo archive: 2/2\n"), (True, "\r  building the demo archive: 1/2")):
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        main._show_progress(1, 2, "x")
        main._show_progress(2, 2, "x")
        assert capsys.readouterr().out.startswith(said)
