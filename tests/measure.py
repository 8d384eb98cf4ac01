#!/usr/bin/env python3
"""Run a command and tell its seconds and peak memory: measure.py FILE COMMAND...

Writes {"status", "seconds", "cpu", "peak"} to FILE. A process of its own, and a small
one, because Linux counts the memory of whoever starts a program as the
program's peak.
"""
import json
import os
import sys
import time


def main(report, command):
    start = time.monotonic()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    with open(report, "w") as f:
        json.dump({"status": os.waitstatus_to_exitcode(status),
                   "seconds": time.monotonic() - start,
                   "cpu": usage.ru_utime + usage.ru_stime,
                   "peak": usage.ru_maxrss * 1024}, f)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
