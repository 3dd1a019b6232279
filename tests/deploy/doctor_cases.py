"""Configurations of nginx, HAProxy and Caddy that break one thing each, made of deploy/'s."""

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
    is_tls: bool = False


def case(
    name: str, changes: Mapping[str, str], *codes: str, says: str, is_tls: bool = False
) -> Case:
    return Case(name, changes, frozenset(codes), says, is_tls)


HEALTHY = "players get what they need"
SERVER = "    client_max_body_size 0;\n"
EVERY_LOCATION = "    proxy_http_version 1.1;\n"
UPLOADS = "    location /api/v1/uploads {\n"
PLAY = "    location /play/ {\n"
HOST = "    proxy_set_header Host $http_host;\n"
FORWARDED_HOST = "    proxy_set_header X-Forwarded-Host $http_host;\n"
UNBUFFERED = "        proxy_request_buffering off;\n"
EVENTS = "proxy_read_timeout 2s;"  # 60 s, as nginx_proxy.py shortens it

NGINX = (
    case("as deployed", {}, says=HEALTHY),
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
        "one connection",
        {PLAY: PLAY + "limit_conn one 1;\n"},
        "proxy-limit",
        says="nginx answers 503 while 3 other requests are open, and is answered alone",
    ),
    case("ten connections", {SERVER: SERVER + "limit_conn one 10;\n"}, says=HEALTHY),
    case(
        "slow films",
        {PLAY: PLAY + "limit_rate_after 1m; limit_rate 500k;\n"},
        "too-slow",
        says="nginx: remove `limit_rate`",
    ),
    case(
        "formats not chosen",
        {EVERY_LOCATION: EVERY_LOCATION + 'proxy_set_header Accept "";\n'},
        "accept-changed",
        says="nginx: remove `proxy_set_header Accept`",
    ),
    case(
        "fields of uploads removed",
        {UPLOADS: UPLOADS + 'proxy_set_header Upload-Metadata "";\n'},
        "request-header-lost",
        says="nginx: remove the `proxy_set_header` that names it",
    ),
    case(
        "offsets kept back",
        {SERVER: SERVER + "proxy_hide_header Upload-Offset;\n"},
        "response-header-lost",
        says="has no Upload-Offset",
    ),
    case(
        "tables compressed",
        {
            SERVER: SERVER + "gzip on; gzip_proxied any; gzip_min_length 0;"
            " gzip_types application/json text/csv application/problem+json text/javascript;\n"
        },
        says=HEALTHY,
    ),
    case("TLS as deployed", {}, says=HEALTHY, is_tls=True),
    case(
        "TLS that the service is not told of",
        {"X-Forwarded-Proto $scheme": "X-Forwarded-Proto http"},
        "origin-lost",
        says="`proxy_set_header X-Forwarded-Proto $scheme;`",
        is_tls=True,
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
    case("as deployed", {}, says=HEALTHY),
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
        {RULES: RULES + "    http-request set-header X-Forwarded-Host inside.example\n"},
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
        "one connection",
        {
            RULES: RULES + "    stick-table type ip size 1k expire 30s store conn_cur\n"
            "    http-request track-sc0 src if { path_beg /play/ }\n"
            "    http-request deny deny_status 429 if { sc_conn_cur(0) gt 1 }\n"
        },
        "proxy-limit",
        says="or `sc_conn_cur`",
    ),
    case(
        "two connections to the node",
        {"maxconn 9000": "maxconn 2"},
        "proxy-limit",
        says="HAProxy: no `http-request deny` by `sc_http_req_rate` or `sc_conn_cur`; `maxconn`",
    ),
    case(
        "formats not chosen",
        {RULES: RULES + "    http-request del-header Accept\n"},
        "accept-changed",
        says="HAProxy: remove `http-request del-header Accept`",
    ),
    case(
        "one format for all",
        {RULES: RULES + "    http-request set-header Accept application/json\n"},
        "accept-changed",
        says="HAProxy: remove `http-request del-header Accept`",
    ),
    case(
        "films of another site",
        {
            RULES: RULES
            + "    http-request redirect prefix http://a.example if { path_beg /play/ }\n"
        },
        "path-caught",
        says="HAProxy answered 302 to",
    ),
    case(
        "events answered",
        {RULES: RULES + "    http-request return status 204 if { path_end /events }\n"},
        "path-caught",
        says="HAProxy answered 204 to GET /api/v1/events",
    ),
    case(
        "fields of uploads removed",
        {RULES: RULES + "    http-request del-header Upload-Offset\n"},
        "request-header-lost",
        says="HAProxy: remove the `http-request del-header`",
    ),
    case(
        "nodes cut",
        {
            "backend uploads\n    balance leastconn\n    timeout server 300s\n": "backend uploads\n"
            "    balance leastconn\n    timeout server 1s\n"
        },
        "upload-cut",
        says="`timeout server 300s` in the backend of uploads",
    ),
    case(
        "nodes away",
        {"{port}": "1"},
        "upstream-away",
        says="HAProxy answered 503",
    ),
)

PROXY = "\treverse_proxy "
FLUSH = "\t\tflush_interval -1\n"
TRANSPORT = "\t\t\tdial_timeout 5s\n"


def before(lines: str) -> Mapping[str, str]:
    """Directives of the site."""
    return {PROXY: f"\t{lines}\n{PROXY}"}


def within(line: str) -> Mapping[str, str]:
    """A subdirective of reverse_proxy."""
    return {FLUSH: f"{FLUSH}\t\t{line}\n"}


def transport(line: str) -> Mapping[str, str]:
    return {TRANSPORT: f"{TRANSPORT}\t\t\t{line}\n"}


def encoded(kind: str) -> Mapping[str, str]:
    matched = f"\t\tminimum_length 1\n\t\tmatch {{\n\t\t\theader Content-Type {kind}\n\t\t}}\n"
    return before(f"encode gzip {{\n{matched}\t}}")


CADDY = (
    case("as deployed", {}, says=HEALTHY),
    case("tables compressed", before("encode gzip"), says=HEALTHY),
    case("flushed by itself", {FLUSH: ""}, says=HEALTHY),
    case(
        "body limit",
        before("request_body {\n\t\tmax_size 2MB\n\t}"),
        "body-limit",
        says="Caddy: remove `request_body { max_size ... }`",
    ),
    case("films compressed", encoded("video/*"), "compressed", says="Caddy: `encode` with"),
    case("events compressed", encoded("text/event-stream*"), "compressed", says="Caddy: `encode`"),
    case(
        "uploads collected",
        within("buffer_requests"),
        "uploads-buffered",
        says="Caddy: remove `request_buffers`",
    ),
    case(
        "events collected",
        within("buffer_responses"),
        "events-buffered",
        says="Caddy: no `response_buffers`",
    ),
    case("ranges removed", within("header_up -Range"), "range-lost", says="`header_up -Range`"),
    case(
        "formats not chosen",
        within("header_up -Accept"),
        "accept-changed",
        says="Caddy: remove `header_up Accept` and `-Accept`",
    ),
    case(
        "name of another host",
        within("header_up X-Forwarded-Host inside.example"),
        "origin-lost",
        says="Caddy: no `header_up Host`",
    ),
    case(
        "validators removed",
        within("header_down -ETag"),
        "validator-lost",
        says="Caddy: remove `header_down -ETag`",
    ),
    case(
        "addresses made absolute",
        within("header_down Location ^/ https://x.example/"),
        "location-rewritten",
        says="Caddy: remove `header_down Location`",
    ),
    case(
        "answers cut",
        transport("read_timeout 700ms"),
        *("events-cut", "upload-cut"),
        says="Caddy: no `response_header_timeout`, `read_timeout`",
    ),
    case(
        "slow uploads cut",
        transport("write_timeout 700ms"),
        "upload-cut",
        says="no `read_timeout` and `write_timeout` below it in `transport`",
    ),
    case(
        "two connections to the service",
        transport("max_conns_per_host 2"),
        "proxy-limit",
        says="no `max_conns_per_host` in `transport`",
    ),
    case(
        "prefix of films removed",
        before("uri strip_prefix /play"),
        "path-changed",
        says="Caddy: `handle` in place of `handle_path`",
    ),
    case("another site", before("redir https://a.example{uri}"), "", says="Caddy redirects to"),
    case(
        "films of another site",
        before("redir /play/* https://a.example{uri}"),
        "path-caught",
        says="Caddy answered 302 to",
    ),
    case(
        "nameless",
        {
            FLUSH: FLUSH + "\t\theader_down -Server\n",
            PROXY: "\theader -Server\n\trequest_body {\n\t\tmax_size 2MB\n\t}\n" + PROXY,
        },
        "body-limit",
        says="           Caddy: remove `request_body { max_size ... }`",
    ),
    case("upstream away", {"{port}": "1"}, "upstream-away", says="Caddy answered 502"),
)
