"""The verbs of the shell, each in one file with its options, imported when the verb is called.

What takes long to import is imported inside functions, so that a verb's `--help` answers at once, too.
"""
