"""Tests press Ctrl-C, which a shell makes the programs that it starts in the background ignore."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
