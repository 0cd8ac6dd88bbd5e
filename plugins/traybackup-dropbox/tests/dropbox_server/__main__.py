"""Start the server by hand: ``python -m dropbox_server [--port N] [--policy ask]``; Ctrl-C ends it."""

import argparse
import sys

from dropbox_server.server import DropboxServer


def main() -> None:
    """Serve until somebody stops it."""
    parser = argparse.ArgumentParser(prog="dropbox_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8086)
    parser.add_argument("--policy", default="ask", choices=["accept", "ask", "cancel", "hang", "less"])
    chosen = parser.parse_args()
    with DropboxServer(port=chosen.port) as server:
        server.world.policy = chosen.policy
        app = next(iter(server.world.apps.values()))
        sys.stdout.write(f"endpoint={server.url}\napp_key={app.key}\n")
        sys.stdout.flush()
        try:
            server.closing.wait()
        except KeyboardInterrupt:
            return


main()
