"""The verbs of the shell: a verb, its options and what it does in one file, imported when the verb is called.

What takes long to import is imported inside functions, so that a verb's `--help` answers at once, too.
"""
