#!/usr/bin/env python3
"""`healthcheck URL ...`: exits with 0 if one of them answers 200, else with 1 and what was wrong with each.

For images without curl. A container runs one role, and each role answers somewhere else.
"""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

_PATIENCE_S = 2.0


def main(urls: list[str]) -> int:
    """Ask one after the other, and stop at the first that is well."""
    wrongs = []
    for url in urls:
        wrong = wrong_with(url)
        if not wrong:
            return 0
        wrongs.append(f"{url}: {wrong}")
    print("\n".join(wrongs), file=sys.stderr)
    return 1


def wrong_with(url: str) -> str:
    """Why it is not well; "" if it is. Proxies of the environment are not for addresses inside a container."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=_PATIENCE_S)
    try:
        connection.request("GET", parts.path)
        status = connection.getresponse().status
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return "" if status == 200 else f"it answers {status}"  # noqa: PLR2004 - HTTP's own number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
