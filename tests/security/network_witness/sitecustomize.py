"""Python loads this first in every process that has its folder on PYTHONPATH: it notes whom the process would reach.

Addresses of this machine and Unix sockets do not count; a name that is looked up does, unless it is localhost.
"""

import os
import sys

_OWN = ("127.", "localhost", "::1", "0.0.0.0", "::")  # noqa: S104 - what is listened on, not what is reached


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(arguments[1], tuple):
        target = str(arguments[1][0])
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        target = str(arguments[0] or "localhost")
    else:
        return
    if not target.startswith(_OWN):
        with open(os.environ["NETWORK_WITNESS"], "a", encoding="utf-8") as attempts:  # noqa: PTH123 - pathlib is not loaded yet
            attempts.write(f"{event} {target} {sys.argv[:2]}\n")


sys.addaudithook(_note)
