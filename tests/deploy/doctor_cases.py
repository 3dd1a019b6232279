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
UPLOADS = "    location /api/v1/uploads {\n"
PLAY = "    location /play/ {\n"
HOST = "    proxy_set_header Host $http_host;\n"
FORWARDED_HOST = "    proxy_set_header X-Forwarded-Host $http_host;\n"
UNBUFFERED = "        proxy_request_buffering off;\n"
EVENTS = "proxy_read_timeout 2s;"  # 60 s, as nginx_proxy.py shortens it

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
        "films named like files taken away",
        {
            "    location / {\n": "    location ~* \\.(mp4|webm|js|css)$ { root /var/www; }\n"
            "    location / {\n"
        },
        "path-caught",
        says="nginx answered 404 to HEAD /play/, an address that the service just gave: it never",
    ),
    case(
        "scripts of another program",
        {"    location / {\n": "    location /static/ { root /var/www; }\n    location / {\n"},
        "path-caught",
        says="nginx answered 404 to GET /static/course-video.js, which players of other pages",
    ),
    case(
        "limit where forms are sent",
        {SERVER: "", UPLOADS: UPLOADS + SERVER},
        "body-limit",
        says="nginx answers 413 to PUT /api/v1/videos/.../file of 10 GiB",
    ),
    case(
        "name of another host",
        {HOST: "", FORWARDED_HOST: ""},
        "origin-lost",
        says="nginx: `proxy_set_header Host $http_host;`",
    ),
    case(
        "cookies kept back",
        {SERVER: SERVER + "proxy_hide_header Set-Cookie;\n"},
        "response-header-lost",
        says="Set-Cookie is lost",
    ),
    case(
        "cookies not passed on",
        {EVERY_LOCATION: EVERY_LOCATION + 'proxy_set_header Cookie "";\n'},
        "cookie-lost",
        says="nginx: remove `proxy_set_header Cookie`",
    ),
    case(
        "all sites allowed",
        {SERVER: SERVER + "add_header Access-Control-Allow-Origin * always;\n"},
        "cors-added",
        says="name the origins in COURSESTREAM_CORS_ORIGINS",
    ),
    case(
        "frames forbidden",
        {SERVER: SERVER + "add_header X-Frame-Options SAMEORIGIN always;\n"},
        "frames-refused",
        says="/embed/: X-Frame-Options",
    ),
    case(
        "short headers",
        {SERVER: SERVER + "large_client_header_buffers 4 1500;\n"},
        "header-limit",
        says="nginx answers 400 to a header of 4096 bytes",
    ),
    case(
        "prefix of films removed",
        {PLAY: PLAY + "        rewrite ^/play/(.*)$ /$1 break;\n"},
        "path-changed",
        says="the service answered 404 to HEAD /play/, an address that the service just gave: its",
    ),
    case(
        "prefix of the API removed",
        {
            "    location / {\n": "    location /api/ { proxy_pass http://coursestream/; }\n"
            "    location / {\n"
        },
        "path-changed",
        says="without a path or a `/` behind it",
    ),
    case(
        "few requests",
        {"    location / {\n": "    location / {\n limit_req zone=few burst=3 nodelay;\n"},
        "proxy-limit",
        says="nginx answered 503 to GET /api/v1/courses, though /healthz is answered",
    ),
    case(
        "redirected for ever",
        {"    location / {\n": "    location / {\n return 301 http://$http_host$request_uri;\n"},
        "redirect-loop",
        says="nginx: `return 301 https://...` in the server of port 80 alone",
    ),
    case(
        "password",
        {SERVER: SERVER + "auth_basic courses; auth_basic_user_file /etc/passwd;\n"},
        "authorization-lost",
        says="nginx wants a password of its own",
    ),
    case(
        "ranges past the end replaced",
        {
            SERVER: SERVER + "proxy_intercept_errors on; error_page 416 @gone;\n"
            "    location @gone { default_type text/html; return 416 gone; }\n"
        },
        "errors-replaced",
        says="replaces the 416 of a range past the end",
    ),
    case(
        "films of no type",
        {PLAY: PLAY + "proxy_hide_header Content-Type; default_type text/plain;\n"},
        *("response-header-lost", "errors-replaced"),
        says="/play/: Content-Type is ",
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
        "name of another host",
        {RULES: RULES + "    http-request set-header Host inside.example\n"},
        "origin-lost",
        says="no `set-header Host`",
    ),
    case(
        "lower-case paths",
        {RULES: RULES + "    http-request set-path %[path,lower]\n"},
        "path-changed",
        says="HAProxy: no `http-request set-path`",
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
