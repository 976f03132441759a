"""The page that follows runs as they happen: on loopback, for who has its token."""
