"""A head that is too large, mostly of cookies, is answered with a way out."""

import socket

from gunicorn.http.errors import LimitRequestHeaders

from fenghuo.connections import Worker


def test_too_many_cookies_are_cleared_and_it_is_said_what_helps() -> None:
    ours, theirs = socket.socketpair()
    worker = Worker.__new__(Worker)
    worker.handle_error(None, ours, ("192.0.2.1", 1), LimitRequestHeaders("limit request headers fields size"))
    ours.close()
    answer = b"".join(iter(lambda: theirs.recv(65_536), b"")).decode()
    theirs.close()
    head, body = answer.split("\r\n\r\n", 1)
    assert head.startswith("HTTP/1.1 431 ")
    assert "Set-Cookie: fenghuo_refresh=; Path=/; Max-Age=0" in head and "fenghuo_device" not in head
    assert f"Content-Length: {len(body.encode())}" in head
    assert "Cookie" in body and "clear the cookies" in body
