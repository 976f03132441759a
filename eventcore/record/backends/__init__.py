"""The databases that runs can be kept in: each a file here with a `Backend`, found by the schemes that it names."""
