# SPDX-License-Identifier: Apache-2.0
"""A system log: python3 syslogd.py SOCKET TEXT...

Makes SOCKET and the file SOCKET.ready, prints each message, and ends when every TEXT
has been in one."""
import os
import socket
import sys

path, wanted = sys.argv[1], sys.argv[2:]
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind(path)
open(path + ".ready", "w").close()
while wanted:
    message = log.recv(65536).decode()
    print(message, flush=True)
    wanted = [text for text in wanted if text not in message]
os.unlink(path)
