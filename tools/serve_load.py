#!/usr/bin/env python3
"""Load for a server of the Open Inference Protocol over HTTP, and what its clients saw.

    serve_load.py --port 8000 --picture photo.jpg --rate 200 --seconds 10
    serve_load.py --port 8000 --tensor 3,224,224 --clients 8 --seconds 10

With --rate requests leave by a schedule that no answer delays (open loop), and a latency counts from the moment at which
its request was due: a server that stalls cannot hide it. Without --rate each client asks again as soon as it has its answer
(closed loop), which finds the throughput at saturation, or, with one client, the latency of an idle server.
"""

import argparse
import collections
import json
import math
import socket
import struct
import threading
import time


class Client:
    """One connection, of as few calls as Python needs: the client shall not be what is measured."""

    def __init__(self, address, port, request):
        self.request = request
        self.socket = socket.create_connection((address, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self):
        """The status of one request, and how long the server says that it computed, seconds; 0 where it does not."""
        self.socket.sendall(self.request)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("the server closed the connection")
            answer += piece
        head = answer[:end].lower()
        at = head.find(b"content-length:")
        wanted = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        while len(answer) < wanted:
            piece = self.socket.recv(65536)
            if not piece:
                raise ConnectionError("the server closed the connection")
            answer += piece
        at = head.find(b"compute;dur=")
        computed = float(head[at + 12 :].split(b",", 1)[0]) / 1000 if at >= 0 else 0.0
        return int(answer[9:12]), computed


def request_of(options):
    """The bytes of one request."""
    fields = {"Host": options.address}
    if options.key:
        fields["Authorization"] = f"Bearer {options.key}"
    if options.picture:
        with open(options.picture, "rb") as file:
            body = file.read()
        fields["Content-Type"] = "image/png" if body.startswith(b"\x89PNG") else "image/jpeg"
        if options.protocol:  # as an element of datatype BYTES, which every server of the protocol takes
            head = {"inputs": [{"name": "input", "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(body) + 4}}]}
            text = json.dumps(head).encode()
            body = text + struct.pack("<I", len(body)) + body
            fields |= {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(text))}
    else:
        shape = [1, *map(int, options.tensor.split(","))]
        values = math.prod(shape)
        tensor = struct.pack(f"<{values}f", *(math.sin(i) for i in range(values)))
        head = {
            "inputs": [{"name": "input", "datatype": "FP32", "shape": shape, "parameters": {"binary_data_size": len(tensor)}}],
            "outputs": [{"name": "output", "parameters": {"binary_data": True}}],
        }
        text = json.dumps(head).encode()
        body = text + tensor
        fields["Inference-Header-Content-Length"] = str(len(text))
    fields["Content-Length"] = str(len(body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST /v2/models/{options.model}/infer HTTP/1.1\r\n{lines}\r\n".encode() + body


def run_clients(options, begin):
    """[(status, seconds, end, seconds without computing)] of all requests after the warm-up."""
    request, results, lock = request_of(options), [], threading.Lock()
    end = begin + options.warmup + options.seconds
    turn = iter(range(1 << 62))

    def due():
        with lock:
            return begin + next(turn) / options.rate

    def work():
        client, mine = Client(options.address, options.port, request), []
        while True:
            start = due() if options.rate else time.perf_counter()
            if start >= end:
                break
            if options.rate and (left := start - time.perf_counter()) > 0:
                time.sleep(left)
            status, computed = client.ask()
            now = time.perf_counter()
            if start >= begin + options.warmup:
                mine.append((status, now - start, now, now - start - computed))
        with lock:
            results.extend(mine)

    threads = [threading.Thread(target=work) for _ in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def report_of(options, results):
    begin = min(end - seconds for _, seconds, end, _ in results)
    span = max(max(end for _, _, end, _ in results) - begin, 1e-9)
    good = sorted(seconds for status, seconds, *_ in results if status == 200)
    around = sorted(rest for status, *_, rest in results if status == 200)
    at = lambda share, of=good: 1e6 * of[min(len(of) - 1, int(share * len(of)))] if of else None
    return {
        "loop": f"open, {options.rate:g}/s" if options.rate else f"closed, {options.clients} clients",
        "requests": len(results),
        "statuses": dict(collections.Counter(status for status, *_ in results)),
        "per_second": len(good) / span,
        "p50_us": at(0.5),
        "p90_us": at(0.9),
        "p99_us": at(0.99),
        "max_us": at(1),
        "p50_us_beside_computing": at(0.5, around),  # the protocol, the queue and this client
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", default="smlp")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--picture", help="a JPEG or PNG file, sent as the body")
    what.add_argument("--tensor", help="channels,height,width of a prepared tensor, sent as binary data")
    parser.add_argument("--protocol", action="store_true", help="send the picture as an element of datatype BYTES")
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0: closed loop")
    parser.add_argument("--clients", type=int, help="connections (default: 1, or 64 with --rate)")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--warmup", type=float, default=1, help="seconds before those that count")
    parser.add_argument("--key", help="for servers that want one")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.clients = options.clients or (64 if options.rate else 1)
    results = run_clients(options, time.perf_counter() + 0.05)
    if not results:
        raise SystemExit("no request was answered within the time")
    report = report_of(options, results)
    if options.json:
        print(json.dumps(report))
        return
    for name, value in report.items():
        print(f"{name:>12}  {value:.1f}" if isinstance(value, float) else f"{name:>12}  {value}")


if __name__ == "__main__":
    main()
