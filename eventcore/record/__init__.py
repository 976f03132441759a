"""The recording layer: the schema, one commit per turn of the engine, and the reads. It decides nothing."""
