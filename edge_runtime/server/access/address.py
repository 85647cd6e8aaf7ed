"""The address of a server with its token, as a QR code that signs a phone in."""

from __future__ import annotations

import io
import socket
import struct
from urllib.parse import quote

from edge_runtime.server.settings import Settings

_SIOCGIFADDR = 0x8915  # Linux: the IPv4 address of a network interface
_ANY = ("0.0.0.0", "::", "")


def addresses(settings: Settings, port: int) -> list[str]:
    """Where other devices reach the server, the likeliest first; at least one."""
    hosts = [settings.host] if settings.host not in _ANY else own_addresses() or [socket.gethostname()]
    scheme = "https" if settings.tls else "http"
    return [f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/" for host in hosts]


def own_addresses() -> list[str]:
    """IPv4 addresses of this machine but loopback: that of the default route first."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: only asks which way it would go
            found.append(probe.getsockname()[0])
        except OSError:  # no default route, as on a device that is its own access point
            pass
        for name in _interfaces():
            try:
                import fcntl

                request = struct.pack("256s", name.encode()[:15])
                found.append(socket.inet_ntoa(fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, request)[20:24]))
            except (ImportError, OSError):  # an interface without an address, or no Linux
                continue
    return [host for host in dict.fromkeys(found) if not host.startswith("127.")]


def link(address: str, token: str) -> str:
    """The address that signs in; what follows the # never leaves the phone."""
    return f"{address}#token={quote(token, safe='')}"


def svg(text: str) -> bytes:
    """A QR code as an SVG file."""
    import segno

    stream = io.BytesIO()
    segno.make(text, error="m", micro=False).save(stream, kind="svg", scale=8, border=4, light="#fff")
    return stream.getvalue()


def terminal(text: str) -> str:
    """A QR code for a terminal."""
    import segno

    stream = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(stream, compact=True)
    return stream.getvalue()


def _interfaces() -> list[str]:
    try:
        return [name for _, name in socket.if_nameindex()]
    except (AttributeError, OSError):
        return []
