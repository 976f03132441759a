"""The live page: on loopback, for anyone who has its token."""
