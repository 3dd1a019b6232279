"""Requests gone astray: answered by a proxy, or by the service under another address."""

from server.doctor.client import SeenReply
from server.doctor.findings import Observation, fault
from server.doctor.installation import Installation

UNKNOWN = (401, 403, 404)  # for an address of the service that is right
MANY_REQUESTS, NOT_ACCEPTABLE = 429, 406


def astray(reply: SeenReply, asked: str, inst: Installation) -> Observation:
    """The fault of a request that the service should have served."""
    sentence = f"{reply.hop} answered {reply.status} to {asked}"
    if reply.is_of_service:
        if reply.status in UNKNOWN:
            return fault("path-changed", f"{sentence}: its address is changed {inst.behind}")
        if reply.status == NOT_ACCEPTABLE:
            return fault("accept-changed", f"{sentence}: Accept is changed {inst.behind}")
    elif is_limited(reply):
        return fault("proxy-limit", f"{sentence}: a limit of its own")
    elif reply.status < 500:  # above, a proxy tells of the service
        return fault("path-caught", f"{sentence}: it never reaches the service")
    return fault("", sentence)


def is_limited(reply: SeenReply) -> bool:
    """True for a proxy's refusal of too many: nginx says 503 where limit_..._status is silent."""
    is_of_nginx = reply.status == 503 and "nginx" in reply.proxies
    return not reply.is_of_service and (reply.status == MANY_REQUESTS or is_of_nginx)
