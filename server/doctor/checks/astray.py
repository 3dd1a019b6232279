"""Requests gone astray: answered by a proxy, or by the service under another address."""

from server.doctor.client import SeenReply
from server.doctor.findings import Observation, fault
from server.doctor.installation import Installation

UNKNOWN = (401, 403, 404)  # for an address of the service that is right


def astray(reply: SeenReply, asked: str, inst: Installation) -> Observation:
    """The fault of a request that the service should have served."""
    sentence = f"{reply.hop} answered {reply.status} to {asked}"
    if reply.is_of_service:
        if reply.status in UNKNOWN:
            return fault("path-changed", f"{sentence}: its address is changed {inst.behind}")
    elif reply.status < 500:  # above, a proxy tells of the service
        return fault("path-caught", f"{sentence}: it never reaches the service")
    return fault("", sentence)
