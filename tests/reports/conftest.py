"""`typed_program.py` is for a type checker alone: run, it would raise what it shows to be wrong."""

collect_ignore = ["typed_program.py"]
