"""Where pixels come from: the protocol every engine speaks, its tickets and failures, and an engine a folder."""
