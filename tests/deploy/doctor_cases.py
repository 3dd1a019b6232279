"""Configurations of nginx and HAProxy that break one thing each, made of those in deploy/."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """Replacements in a deployed file, and the codes of all faults that must be found."""

    name: str
    changes: Mapping[str, str]
    codes: frozenset[str]
    says: str
    """In a sentence or a cure of the report."""


def case(name: str, changes: Mapping[str, str], *codes: str, says: str) -> Case:
    return Case(name, changes, frozenset(codes), says)


SERVER = "    client_max_body_size 0;\n"
EVERY_LOCATION = "    proxy_http_version 1.1;\n"
UNBUFFERED = "        proxy_request_buffering off;\n"
EVENTS = "proxy_read_timeout 2s;"  # 60 s, as tests/deploy/proxies/nginx_proxy.py shortens it

NGINX = (
    case("as deployed", {}, says="players get what they need"),
    case(
        "body limit",
        {SERVER: ""},
        "body-limit",
        says="nginx refuses a body of 3 MiB: 413",
    ),
    case(
        "compression",
        {SERVER: SERVER + "gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;\n"},
        "compressed",
        says="nginx: leave `*`",
    ),
    case(
        "ranges removed",
        {EVERY_LOCATION: EVERY_LOCATION + 'proxy_set_header Range "";\n'},
        "range-lost",
        says="Safari does not play",
    ),
    case(
        "conditions removed",
        {EVERY_LOCATION: EVERY_LOCATION + 'proxy_set_header If-Range "";\n'},
        "if-range-lost",
        says="If-Range",
    ),
    case(
        "uploads collected",
        {UNBUFFERED: ""},
        "uploads-buffered",
        says="nginx: `proxy_request_buffering off;`",
    ),
    case(
        "films in the place of others collected",
        {"|videos/[^/]+/file)$": ")$"},
        "uploads-buffered",
        says="PUT /api/v1/videos/.../file: bodies are collected before they are passed on",
    ),
    case(
        "events cut",
        {EVENTS: "proxy_read_timeout 500ms;"},
        "events-cut",
        says="nginx: `proxy_read_timeout 60s;`",
    ),
    case(
        "errors cached",
        {SERVER: SERVER + "proxy_cache kept; proxy_cache_valid 404 1m;\n"},
        *("errors-cached", "range-lost"),
        says="is kept and given again",
    ),
    case(
        "errors replaced",
        {
            SERVER: SERVER
            + "proxy_intercept_errors on; error_page 404 /gone; error_page 401 /gone;\n"
        },
        "errors-replaced",
        says="with a page of its own",
    ),
    case(
        "token removed",
        {EVERY_LOCATION: EVERY_LOCATION + 'proxy_set_header Authorization "";\n'},
        "authorization-lost",
        says="Authorization is removed between here and the service (nginx)",
    ),
    case(
        "slow uploads cut",
        {"client_body_timeout 120s;": "client_body_timeout 1s;"},
        "upload-cut",
        says="nginx: `client_body_timeout 120s;`",
    ),
    case(
        "paused players cut",
        {"send_timeout 130s;": "send_timeout 1s;"},
        "transfer-cut",
        says="nginx: `send_timeout 130s;`",
    ),
    case(
        "methods refused",
        {
            "    location / {\n": "    location / { limit_except GET POST PUT { deny all; }\n",
            "    location /api/v1/uploads {\n": "    location /api/v1/uploads {"
            " limit_except GET POST PATCH { deny all; }\n",
        },
        "method-refused",
        says="nginx answers 403 to",
    ),
    case(
        "upstream away",
        {"    keepalive 64;\n": "    keepalive 64; server 127.0.0.1:1 backup;\n", "{port}": "1"},
        "upstream-away",
        says="nginx answered 502: it gets no answer",
    ),
)

RULES = "    acl is_read method GET HEAD\n"
MEDIA = "    balance hash var(txn.video)\n"
HAPROXY = (
    case("as deployed", {}, says="players get what they need"),
    case(
        "body limit",
        {
            RULES: RULES + "    http-request deny deny_status 413"
            " if { req.hdr_val(content-length) gt 1048576 }\n"
        },
        "body-limit",
        says="HAProxy: remove `http-request deny` by `req.body_size`",
    ),
    case(
        "compression",
        {RULES: RULES + "    compression algo gzip\n    compression type text/event-stream\n"},
        "compressed",
        says="HAProxy: name text formats alone",
    ),
    case(
        "ranges removed",
        {MEDIA: MEDIA + "    http-request del-header Range\n"},
        "range-lost",
        says="remove `http-request del-header Range`",
    ),
    case(
        "validators removed",
        {MEDIA: MEDIA + "    http-response del-header ETag\n"},
        "validator-lost",
        says="ETag is missing",
    ),
    case(
        "events cut",
        {"    timeout server 60s\n": "    timeout server 500ms\n"},
        "events-cut",
        says="`timeout server 60s` in the backend of events",
    ),
    case(
        "paused players cut",
        {"    timeout client 130s\n": "    timeout client 1s\n"},
        "transfer-cut",
        says="`timeout client 130s`",
    ),
    case(
        "methods refused",
        {RULES: RULES + "    http-request deny if { method DELETE }\n"},
        "method-refused",
        says="HAProxy answers 403 to DELETE",
    ),
    case(
        "nodes away",
        {"{port}": "1"},
        "upstream-away",
        says="HAProxy answered 503",
    ),
)
