"""What people type: parsing, planning a run, looking at what is configured.

Nothing is computed here: commands call the systems and print what they answer.
"""
