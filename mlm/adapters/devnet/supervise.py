"""The supervisor's process: `python -m mlm.adapters.devnet.supervise HOME BINARY`. Started by supervisor.py, detached.

It holds the devnet's lock for life, keeps the node (keeper.py) and serves its endpoint (proxy.py) until SIGTERM.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path

from mlm.adapters.devnet.home import Home, read_json, try_lock, write_json
from mlm.adapters.devnet.keeper import Keeper
from mlm.adapters.devnet.proxy import Proxy
from mlm.adapters.disk import sweep
from mlm.core.errors import MlmError

BUSY = 75  # exit status when another supervisor holds the lock (EX_TEMPFAIL)

log = logging.getLogger("mlm.devnet")


def main(home: Home, binary: Path) -> int:
    """Serve until SIGTERM or SIGINT; the exit status."""
    lock = try_lock(home.supervisor_lock)
    if lock is None:
        return BUSY
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    for folder in (home.root, home.chain, home.snapshots):
        sweep(folder)
    home.run.unlink(missing_ok=True)
    try:
        keeper = Keeper(home, binary)
    except MlmError as error:
        log.error("%s", error)
        return error.exit_code
    genesis = read_json(home.genesis)
    proxy = _listen(keeper, int(genesis.get("port", 0)))
    port = proxy.server_address[1]
    if genesis.get("port") != port:
        write_json(home.genesis, {**genesis, "port": port})
    threading.Thread(target=proxy.serve_forever, args=(0.1,), daemon=True).start()
    write_json(home.run, {"pid": os.getpid(), "url": proxy.url, "binary": str(binary)})
    log.info("serving %s", proxy.url)
    stop.wait()
    log.info("stopping")
    proxy.shutdown()
    proxy.server_close()
    keeper.stop()
    home.run.unlink(missing_ok=True)
    return 0


def _listen(keeper: Keeper, port: int) -> Proxy:
    """On the port of the last time, so that clients find it again; on a free one when it is taken."""
    try:
        return Proxy(keeper, port)
    except OSError:
        return Proxy(keeper, 0)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    sys.exit(main(Home(Path(sys.argv[1])), Path(sys.argv[2])))
