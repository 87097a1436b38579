"""The command line: Typer commands that print for people, and JSON for programs.

Must never: pick an engine or hold logic of its own; what a command does lives below, in the rooms.
"""
