#!/usr/bin/env python3
"""A small HTTP server on a free loopback port: the sample service of the quickstart.

hello_server.py [PORT_FILE]    writes the port it took to PORT_FILE, or prints it
"""

import http.server
import pathlib
import sys


class Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"hello\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hello)
if len(sys.argv) > 1:
    pathlib.Path(sys.argv[1]).write_text(str(server.server_port))
else:
    print(server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
