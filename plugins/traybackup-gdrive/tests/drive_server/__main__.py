"""Start the server by hand: ``python -m drive_server [--port N] [--policy ask]``; Ctrl-C ends it."""

import argparse
import sys

from drive_server.server import DriveServer


def main() -> None:
    """Serve until somebody stops it."""
    parser = argparse.ArgumentParser(prog="drive_server", description=__doc__)
    parser.add_argument("--port", type=int, default=8085)
    parser.add_argument("--policy", default="ask", choices=["accept", "ask", "cancel", "hang", "untick"])
    chosen = parser.parse_args()
    with DriveServer(port=chosen.port) as server:
        server.world.policy = chosen.policy
        client = next(iter(server.world.clients.values()))
        sys.stdout.write(f"endpoint={server.url}\nclient_id={client.id}\nclient_secret={client.secret}\n")
        sys.stdout.flush()
        try:
            server.closing.wait()
        except KeyboardInterrupt:
            return


main()
