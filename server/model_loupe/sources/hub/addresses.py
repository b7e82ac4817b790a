"""Which addresses may be connected to: the endpoint's wherever it is, and else those of the open internet.

An answer of the Hub can redirect anywhere. It must not make this machine ask what only this machine, or its
network, can reach (a router's page, a cloud's metadata service).
"""

from __future__ import annotations

import socket

_GLOBAL, _PRIVATE, _LOOPBACK, _SPECIAL = "global", "private", "loopback", "special"


class RefusedAddress(Exception):
    """An address that a redirect must not lead to."""


class Audience:
    """Who may be spoken to when the endpoint is at host ``home``.

    Beside the endpoint itself: global addresses; loopback or private ones if the endpoint has such a one.
    """

    def __init__(self, home: str) -> None:
        self._home = home
        self._home_kinds: frozenset[str] | None = None

    def connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """A connection to the first address of ``host`` that may be spoken to and answers.

        Raises RefusedAddress if there are none but others, and OSError.
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        allowed = [(family, address) for family, *_, address in found if self._allows(host, str(address[0]))]
        if not allowed:
            raise RefusedAddress(host)
        failure: OSError | None = None
        for family, address in allowed:
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(timeout)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
                continue
            return connection
        raise failure or OSError("no address")

    def allows_name(self, host: str) -> bool:
        """Whether a host that somebody else looks up may be spoken to, as far as its name tells."""
        if _is_address(host):
            return self._allows(host, host)
        return self._allows(host, "127.0.0.1") if host.rpartition(".")[2] == "localhost" else True

    def _allows(self, host: str, address: str) -> bool:
        if host == self._home:
            return True
        kind = _kind(address)
        return kind == _GLOBAL or (kind != _SPECIAL and kind in self._kinds_of_home())

    def _kinds_of_home(self) -> frozenset[str]:
        if self._home_kinds is None:
            try:
                found = socket.getaddrinfo(self._home, None, type=socket.SOCK_STREAM)
            except OSError:
                found = []
            self._home_kinds = frozenset(_kind(str(address[0])) for *_, address in found)
        return self._home_kinds


def _is_address(host: str) -> bool:
    from ipaddress import ip_address

    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _kind(address: str) -> str:
    from ipaddress import IPv6Address, ip_address

    # The zone of a link-local address stands behind a per cent sign.
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found.sixtofour or found
    if found.is_loopback:
        return _LOOPBACK
    if found.is_link_local or found.is_multicast or found.is_unspecified or found.is_reserved:
        return _SPECIAL
    return _GLOBAL if found.is_global else _PRIVATE
