"""The servers that are compared, behind one face: ours and aiortc's MediaRelay as processes spoken to in JSON lines, Janus by its socket.

`python -m benchmarks.rtc_server ours|aiortc HOST` is the process itself.
"""

import asyncio
import contextlib
import gc
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Protocol

import psutil
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaRelay

from benchmarks.rtc_peer import RtcPeer, read_sdp
from conference.media import srtp
from conference.media.node import MediaNode, calm_collector
from foundation.settings import Settings

CAMERA_HEIGHT = 480
SUBSCRIBE_TRIES = 50
STARTS = 8
JANUS_LIBRARIES = Path("/usr/lib/x86_64-linux-gnu/janus")


class Server(Protocol):
    """What the benchmark drives."""

    name: str
    version: str

    @property
    def pid(self) -> int:
        """The process whose CPU time is measured."""

    async def start(self) -> None:
        """Start the process and wait until it answers."""

    async def meet(self, publishers: list[RtcPeer], receivers: list[tuple[RtcPeer, list[int]]]) -> None:
        """Connect everyone: each receiver gets the publishers with the given indices; a peer may be in both lists."""

    async def stop(self) -> None:
        """End the process."""


def inside(namespace: str, command: list[str]) -> list[str]:
    """The command, run in a network namespace (empty: here)."""
    return ["ip", "netns", "exec", namespace, *command] if namespace else command


class LineServer:
    """Ours, or aiortc's relay: a process of this module, one JSON object a line."""

    def __init__(self, kind: str, namespace: str, host: str, network: str) -> None:
        self.name = {"ours": "fenghuo", "aiortc": "aiortc MediaRelay"}[kind]
        self.version = ""
        self._kind = kind
        self._command = inside(namespace, [sys.executable, "-m", "benchmarks.rtc_server", kind, host])
        self._network = network
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 22
        )
        self.version = (await self._ask({"do": "hello"}))["version"]

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("not started")
        process.stdin.write(json.dumps(request).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    async def meet(self, publishers: list[RtcPeer], receivers: list[tuple[RtcPeer, list[int]]]) -> None:
        # aiortc can only relay a track that is there: publishers first, each with its own connection.
        if self._kind == "aiortc":
            for index, peer in enumerate(publishers):
                await self._join(peer, {"publish": index}, sends=True, receives=0)
            for peer, wanted in receivers:
                target = RtcPeer(peer.certificate, peer.host) if peer in publishers else peer
                if target is not peer:
                    peer.companion = target
                await self._join(target, {"watch": wanted}, sends=False, receives=len(wanted))
            return
        names = {id(peer): f"p{index}" for index, peer in enumerate(publishers)}
        watched = {id(peer): wanted for peer, wanted in receivers}
        everyone = {id(peer): peer for peer in [*publishers, *(peer for peer, _ in receivers)]}
        for ident, peer in everyone.items():
            name = names.get(ident) or f"r{secrets.token_hex(4)}"
            seen = [f"p{index}" for index in watched.get(ident, [])]
            await self._join(peer, {"name": name, "want": seen}, sends=ident in names, receives=len(seen))

    async def join(self, peer: RtcPeer, name: str, wanted: list[str]) -> None:
        """One site of a room: microphone and camera, three places to hear, one picture for each of `wanted` (ours only)."""
        sdp = peer.offer(sends=True, receives=len(wanted), sound=True)
        answer = await self._ask({"do": "offer", "sdp": sdp, "name": name, "want": wanted})
        await peer.connect(read_sdp(answer["sdp"], self._network))

    async def leave(self, name: str) -> None:
        """A site goes (ours only)."""
        await self._ask({"do": "leave", "name": name})

    async def census(self) -> dict[str, Any]:
        """What the process holds (ours only)."""
        return await self._ask({"do": "census"})

    async def _join(self, peer: RtcPeer, request: dict[str, Any], *, sends: bool, receives: int) -> None:
        answer = await self._ask({"do": "offer", "sdp": peer.offer(sends=sends, receives=receives), **request})
        await peer.connect(read_sdp(answer["sdp"], self._network))

    async def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()


class JanusServer:
    """Debian's Janus with its videoroom, over its Unix socket."""

    def __init__(self, namespace: str, host: str, network: str, *, event_loops: int) -> None:
        self.name = f"janus videoroom, {'event_loops=1' if event_loops else 'default'}"
        self.version = subprocess.run(["janus", "--version"], capture_output=True, text=True, check=False).stdout.split(
            "\n"
        )[0]
        self._namespace = namespace
        self._host = host
        self._network = network
        self._event_loops = event_loops
        self._process: asyncio.subprocess.Process | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="fenghuo-janus-"))
        self._socket: socket.socket | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._session = 0
        self._keep: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def _write_configuration(self) -> Path:
        others = [path.name for path in (JANUS_LIBRARIES / "transports").glob("*.so") if "pfunix" not in path.name]
        plugins = [path.name for path in (JANUS_LIBRARIES / "plugins").glob("*.so") if "videoroom" not in path.name]
        # aiortc's client wants an ECDSA certificate; Janus would make an RSA one.
        key, certificate = self._folder / "key.pem", self._folder / "cert.pem"
        make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=janus -days 2"
        subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
        loops = f"event_loops = {self._event_loops}\n" if self._event_loops else ""
        (self._folder / "janus.jcfg").write_text(
            f'general: {{ configs_folder = "{self._folder}"\n debug_level = 2\n session_timeout = 600\n {loops} }}\n'
            f'certificates: {{ cert_pem = "{certificate}"\n cert_key = "{key}" }}\n'
            "media: { dtls_mtu = 1200 }\n"
            f'nat: {{ ice_lite = true\n ice_enforce_list = "{self._host}" }}\n'
            f'plugins: {{ disable = "{",".join(plugins)}" }}\n'
            f'transports: {{ disable = "{",".join(others)}" }}\n'
            "events: { broadcast = false }\n"
        )
        path = self._folder / "socket"
        (self._folder / "janus.transport.pfunix.jcfg").write_text(
            f'general: {{ enabled = true\n json = "compact"\n path = "{path}"\n type = "SOCK_SEQPACKET" }}\nadmin: {{ admin_enabled = false }}\n'
        )
        (self._folder / "janus.plugin.videoroom.jcfg").write_text("general: { }\n")
        return path

    async def start(self) -> None:
        path = self._write_configuration()
        for _ in range(STARTS):
            if await self._come_up(path):
                break
        else:
            raise RuntimeError((self._folder / "log").read_text())
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.connect(str(path))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._readable)
        self._session = (await self._ask({"janus": "create"}))["data"]["id"]
        self._keep = asyncio.get_running_loop().create_task(self._keep_alive())

    async def _come_up(self, path: Path) -> bool:
        """Start the process; now and then Janus finds no transport and ends at once."""
        with (self._folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *inside(self._namespace, ["janus", "-F", str(self._folder)]), stdout=log, stderr=log
            )
        while self._process.returncode is None:
            if path.exists():
                return True
            await asyncio.sleep(0.1)
        return False

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(15)
            await self._ask({"janus": "keepalive", "session_id": self._session})

    def _readable(self) -> None:
        if self._socket is None:
            return
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(1 << 20):
                message = json.loads(data)
                waiting = self._waiting.get(message.get("transaction", ""))
                # An `ack` only says that the real answer will come as an event.
                if waiting is not None and not waiting.done() and message.get("janus") != "ack":
                    waiting.set_result(message)

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        if self._socket is None:
            raise RuntimeError("not started")
        transaction = secrets.token_hex(8)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[transaction] = future
        self._socket.send(json.dumps({**request, "transaction": transaction}).encode())
        try:
            if request["janus"] == "keepalive":
                return {}
            answer = await asyncio.wait_for(future, 20)
        finally:
            del self._waiting[transaction]
        if answer.get("janus") == "error" or "error" in answer.get("plugindata", {}).get("data", {}):
            raise RuntimeError(json.dumps(answer))
        return answer

    async def _attach(self) -> int:
        answer = await self._ask({"janus": "attach", "session_id": self._session, "plugin": "janus.plugin.videoroom"})
        return int(answer["data"]["id"])

    async def _message(self, handle: int, body: dict[str, Any], sdp: str = "", kind: str = "") -> dict[str, Any]:
        request: dict[str, Any] = {"janus": "message", "session_id": self._session, "handle_id": handle, "body": body}
        if sdp:
            request["jsep"] = {"type": kind, "sdp": sdp}
        return await self._ask(request)

    async def meet(self, publishers: list[RtcPeer], receivers: list[tuple[RtcPeer, list[int]]]) -> None:
        room = 1 + secrets.randbelow(1 << 30)
        creator = await self._attach()
        await self._message(
            creator,
            {"request": "create", "room": room, "publishers": 64, "bitrate": 0, "videocodec": "vp8", "fir_freq": 0},
        )
        feeds = []
        for peer in publishers:
            handle = await self._attach()
            await self._message(handle, {"request": "join", "ptype": "publisher", "room": room})
            answer = await self._message(
                handle, {"request": "configure", "video": True}, peer.offer(sends=True, receives=0), "offer"
            )
            await peer.connect(read_sdp(answer["jsep"]["sdp"], self._network))
            listing = await self._message(creator, {"request": "listparticipants", "room": room})
            known = [one["id"] for one in listing["plugindata"]["data"]["participants"]]
            feeds.append(next(ident for ident in known if ident not in feeds))
        for peer, wanted in receivers:
            # Janus has a connection of its own for what one receives.
            target = RtcPeer(peer.certificate, peer.host) if peer in publishers else peer
            if target is not peer:
                peer.companion = target
            handle = await self._attach()
            streams = [{"feed": feeds[index]} for index in wanted]
            offer = await self._subscribe(handle, room, streams)
            remote = read_sdp(offer["jsep"]["sdp"], self._network)
            await self._message(handle, {"request": "start"}, target.answer(remote), "answer")
            await target.connect(remote)

    async def _subscribe(self, handle: int, room: int, streams: list[dict[str, int]]) -> dict[str, Any]:
        """Janus lists a publisher some time before others can subscribe to it."""
        for _ in range(SUBSCRIBE_TRIES):
            with contextlib.suppress(RuntimeError):
                return await self._message(
                    handle, {"request": "join", "ptype": "subscriber", "room": room, "streams": streams}
                )
            await asyncio.sleep(0.1)
        raise TimeoutError("Janus does not let us subscribe")

    async def stop(self) -> None:
        if self._keep is not None:
            self._keep.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        if self._process is not None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


# The processes


async def serve_ours(host: str) -> None:
    """The media node, commanded by lines instead of by web."""
    settings = Settings(media_port=0, media_host=host)
    node = MediaNode(settings)
    node.start()
    calm_collector()

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "hello":
            return {"version": f"in_place_srtp={srtp.IN_PLACE}"}
        if request["do"] == "census":
            return census(node)
        name = request["name"]
        if request["do"] == "leave":
            return await node.leave({"room": "bench", "session": name, "reason": "left"})
        grants = {"publish": ["audio", "camera"], "subscribe": True}
        result = await node.offer(
            {"room": "bench", "participant": name, "session": name, "sdp": request["sdp"], "grants": grants}
        )
        video = [
            {"slot": f"v{index}", "participant": other, "kind": "camera", "height": CAMERA_HEIGHT}
            for index, other in enumerate(request["want"])
        ]
        await node.want({"room": "bench", "session": name, "video": video})
        return result

    await lines(answer)
    await node.stop()


def census(node: MediaNode) -> dict[str, Any]:
    """What the process holds at this moment: bytes of memory, tasks, open files, sessions."""
    gc.collect()
    return {
        "rss": psutil.Process().memory_info().rss,
        "tasks": len(asyncio.all_tasks()),
        "files": psutil.Process().num_fds(),
        "sessions": sum(len(room.sessions) for room in node.rooms.values()),
    }


async def serve_aiortc() -> None:
    """aiortc's own way: every track through MediaRelay to every viewer."""
    relay = MediaRelay()
    tracks: dict[int, Any] = {}
    connections = []

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "hello":
            from importlib.metadata import version

            return {"version": f"aiortc {version('aiortc')}"}
        connection = RTCPeerConnection()
        connections.append(connection)
        if "publish" in request:
            connection.on("track", lambda track: tracks.__setitem__(request["publish"], track))
        await connection.setRemoteDescription(RTCSessionDescription(request["sdp"], "offer"))
        for index in request.get("watch", []):
            connection.addTrack(relay.subscribe(tracks[index]))
        await connection.setLocalDescription(await connection.createAnswer())
        return {"sdp": connection.localDescription.sdp}

    await lines(answer)


async def lines(answer: Any) -> None:
    """Answer JSON lines from standard input until it ends."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 22)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        result = await answer(json.loads(line))
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def main() -> None:
    """The process: `ours HOST` or `aiortc HOST`."""
    kind, host = sys.argv[1], sys.argv[2]
    if kind == "ours":
        import uvloop

        srtp.self_test()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_ours(host))
    else:
        asyncio.run(serve_aiortc())
    os._exit(0)


if __name__ == "__main__":
    main()
