"""Settings of the property tests, and Ctrl-C as in a terminal.

Property tests are quick where people wait, and the same every time on a build server. Tests press Ctrl-C, which a shell
makes the programs that it starts in the background ignore.
"""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile(
    "property",
    deadline=None,
    derandomize=os.environ.get("CI") == "true",
    max_examples=int(os.environ.get("PROPERTY_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
settings.load_profile("property")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
