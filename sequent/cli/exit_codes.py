"""The exit codes of the command, apart from 0 for success."""

EXIT_FAILED = 1  #: the run failed, is stalled or was interrupted
EXIT_USAGE = 2  #: wrong usage or another expected error
EXIT_NOTHING = 3  #: there is nothing to do
