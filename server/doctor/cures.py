"""The line to change for each fault, in the configuration of the usual proxies."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cure:
    """Empty where a proxy cannot have the fault."""

    nginx: str = ""
    haproxy: str = ""
    caddy: str = ""
    apache: str = ""


CURES: Mapping[str, Cure] = {
    "range-lost": Cure(
        nginx="remove `proxy_set_header Range` and `proxy_cache` from /play/ and /api/v1/videos/;"
        " deploy/edge.conf caches by slices",
        haproxy="remove `http-request del-header Range`",
        caddy="remove `header_up -Range`",
        apache="remove `RequestHeader unset Range`",
    ),
    "if-range-lost": Cure(
        nginx="remove `proxy_set_header If-Range`",
        haproxy="remove `http-request del-header If-Range`",
        caddy="remove `header_up -If-Range`",
        apache="remove `RequestHeader unset If-Range`",
    ),
    "compressed": Cure(
        nginx="leave `*`, `video/...` and `text/event-stream` out of `gzip_types`, or `gzip off;`",
        haproxy="name text formats alone in `compression type`; none of video, none of"
        " text/event-stream",
        caddy="`encode` with a matcher: `@text path *.js *.css *.html`",
        apache="`SetEnvIf Request_URI ^/(play|api)/ no-gzip=1`",
    ),
    "validator-lost": Cure(
        nginx="remove `proxy_hide_header ETag;` and `gzip` for video",
        haproxy="remove `http-response del-header ETag` and `compression` for video",
        caddy="remove `header_down -ETag` and `encode` for video",
        apache="remove `Header unset ETag` and mod_deflate for video",
    ),
    "response-header-lost": Cure(
        nginx="remove the `proxy_hide_header` that names it, and an `add_header` in its place",
        haproxy="remove the `http-response del-header` or `set-header` that names it",
        caddy="remove the `header_down` that names it",
        apache="remove the `Header unset` or `Header set` that names it",
    ),
    "errors-cached": Cure(
        nginx="remove `proxy_cache`, or name good answers alone: `proxy_cache_valid 200 206 ...;`,"
        " never `any`",
        haproxy="remove `http-request cache-use` and `http-response cache-store`",
        caddy="remove the cache handler",
        apache="`CacheDisable /`",
    ),
    "shared-cache": Cure(
        nginx="remove `proxy_cache` from /api/ and /play/, and `proxy_ignore_headers`"
        " Cache-Control",
        haproxy="remove `http-request cache-use` and `http-response cache-store`",
        caddy="remove the cache handler",
        apache="`CacheDisable /`",
    ),
    "errors-replaced": Cure(
        nginx="`proxy_intercept_errors off;` and no `error_page` for the service's statuses",
        haproxy="remove `http-error`, `errorfile` and `http-response return` for its statuses",
        caddy="remove `handle_response` and `handle_errors` for its statuses",
        apache="`ProxyErrorOverride Off`",
    ),
    "authorization-lost": Cure(
        nginx="remove `proxy_set_header Authorization` and `auth_basic` from /api/",
        haproxy="remove `http-request del-header Authorization` and `http-request auth`",
        caddy="remove `header_up -Authorization` and `basicauth`",
        apache="remove `RequestHeader unset Authorization` and `AuthType` from /api/",
    ),
    "query-lost": Cure(
        nginx="`proxy_pass http://coursestream;` without a path or variables behind it",
        haproxy="no `http-request set-query` and no `set-uri`",
        caddy="no `rewrite` or `uri` without `{query}`",
        apache="`[QSA]` for the RewriteRule",
    ),
    "method-refused": Cure(
        nginx="remove `limit_except` and `if ($request_method ...)`",
        haproxy="remove `http-request deny` by `method`",
        caddy="remove the `method` matcher",
        apache="remove `<Limit>`, `<LimitExcept>` and `AllowMethods`",
    ),
    "events-buffered": Cure(
        nginx="`proxy_buffering off;` and `gzip off;` in the locations of /api/v1/events and"
        " /play/.../events; no `proxy_ignore_headers X-Accel-Buffering`",
        haproxy="remove `compression` for text/event-stream and `option http-buffer-request`",
        caddy="no `response_buffers` (`buffer_responses`); `flush_interval -1` in reverse_proxy",
        apache="`ProxyPass ... flushpackets=on` and `no-gzip` for the events",
    ),
    "events-cut": Cure(
        nginx="`proxy_read_timeout 60s;` in the locations of /api/v1/events and /play/.../events",
        haproxy="`timeout server 60s` in the backend of events, `timeout client 130s`",
        caddy="no `response_header_timeout`, `read_timeout` or `write_timeout` below 60s",
        apache="`ProxyPass ... timeout=60` and `ProxyTimeout 60`",
    ),
    "event-id-lost": Cure(
        nginx="remove `proxy_set_header Last-Event-ID` and `proxy_pass_request_headers off`",
        haproxy="remove `http-request del-header Last-Event-ID`",
        caddy="remove `header_up -Last-Event-ID`",
        apache="remove `RequestHeader unset Last-Event-ID`",
    ),
    "body-limit": Cure(
        nginx="`client_max_body_size 0;` in the server: the service refuses what is too large",
        haproxy="remove `http-request deny` by `req.body_size` or `hdr(content-length)`",
        caddy="remove `request_body { max_size ... }`",
        apache="`LimitRequestBody 0`",
    ),
    "uploads-buffered": Cure(
        nginx="`proxy_request_buffering off;` in the locations of /api/v1/uploads,"
        " /api/v1/modules/.../videos and /api/v1/videos/.../file",
        caddy="remove `request_buffers` (`buffer_requests`) of reverse_proxy",
        apache="no `SetEnv proxy-sendcl 1` and no mod_request for uploads",
    ),
    "upload-cut": Cure(
        nginx="`client_body_timeout 120s;` and `proxy_send_timeout 300s;`",
        haproxy="`timeout client 130s` and `timeout server 300s` in the backend of uploads",
        caddy="no `read_body` and `write` below 120s in `servers { timeouts }`, no `read_timeout`"
        " and `write_timeout` below it in `transport`",
        apache="`RequestReadTimeout body=0` and `TimeOut 130`",
    ),
    "transfer-cut": Cure(
        nginx="`send_timeout 130s;` and `proxy_read_timeout 300s;`",
        haproxy="`timeout client 130s` and `timeout server 130s` or more in the backend of media",
        caddy="no `write` below 130s in `servers { timeouts }`",
        apache="`TimeOut 130` and `ProxyTimeout 300`",
    ),
    "location-rewritten": Cure(
        nginx="`proxy_redirect off;`",
        haproxy="remove `http-response replace-header Location`",
        caddy="remove `header_down Location`",
        apache="remove `ProxyPassReverse`: all addresses are relative",
    ),
    "not-reused": Cure(
        nginx="`keepalive_timeout 75s;`, no `keepalive_requests` below 1000",
        haproxy="remove `option httpclose`; `timeout http-keep-alive 60s`",
        caddy="no `idle` of `servers { timeouts }` below a minute",
        apache="`KeepAlive On`, `KeepAliveTimeout 75`",
    ),
    "no-http2": Cure(
        nginx="`listen 443 ssl http2;`",
        haproxy="`bind :443 ssl crt ... alpn h2,http/1.1`",
        caddy="it is on unless `protocols` leaves out h2",
        apache="`Protocols h2 http/1.1`",
    ),
    "no-hsts": Cure(
        nginx="`add_header Strict-Transport-Security max-age=31536000 always;` in each location"
        " that has an add_header, and in the server",
        haproxy="`http-response set-header Strict-Transport-Security max-age=31536000`",
        caddy="`header Strict-Transport-Security max-age=31536000`",
        apache="`Header always set Strict-Transport-Security max-age=31536000`",
    ),
    "certificate": Cure(
        nginx="`ssl_certificate` is the whole chain: fullchain.pem, not cert.pem",
        haproxy="`crt` is a file of certificate, intermediate ones and key",
        caddy="see the log of its certificates",
        apache="`SSLCertificateFile` is the whole chain: fullchain.pem",
    ),
    "path-caught": Cure(
        nginx="no `location` with `root`, `alias` or `try_files` for /static/, /play/ or by file"
        " names (`\\.(mp4|js|css|jpg)$`)",
        haproxy="no `use_backend` or `http-request return` by `path_end` or of /static/ and /play/",
        caddy="no `file_server` or `respond` that matches /static/ and /play/",
        apache="no `Alias`, and no `ProxyPass ... !`, for /static/ and /play/",
    ),
    "path-changed": Cure(
        nginx="`proxy_pass http://coursestream;` without a path or a `/` behind it; no `rewrite`",
        haproxy="no `http-request set-path`, `replace-path` or `normalize-uri`",
        caddy="`handle` in place of `handle_path`; no `uri` and no `rewrite`",
        apache="`ProxyPass / http://...:8080/ nocanon`, and no RewriteRule",
    ),
    "redirect-loop": Cure(
        nginx="`return 301 https://...` in the server of port 80 alone, none where TLS has ended"
        " before",
        haproxy="`http-request redirect scheme https unless { ssl_fc }`, or by X-Forwarded-Proto"
        " where TLS has ended before",
        caddy="`auto_https disable_redirects` where TLS has ended before",
        apache="`RewriteCond %{HTTP:X-Forwarded-Proto} !https`",
    ),
    "proxy-limit": Cure(
        nginx="no `limit_req` and `limit_conn` below what a browser asks for, six at once: the"
        " service has its own",
        haproxy="no `http-request deny` by `sc_http_req_rate` or `sc_conn_cur`; `maxconn` of the"
        " frontend and of servers",
        caddy="no `rate_limit`, no `max_conns_per_host` in `transport`",
        apache="no mod_evasive and mod_qos; `MaxRequestWorkers`",
    ),
    "installations-mixed": Cure(
        nginx="each `server` of the `upstream` has the same COURSESTREAM_DATABASE_URL and secrets",
        haproxy="each `server` of a backend has the same COURSESTREAM_DATABASE_URL and secrets",
        caddy="each address of `reverse_proxy` has the same COURSESTREAM_DATABASE_URL and secrets",
        apache="each `BalancerMember` has the same COURSESTREAM_DATABASE_URL and secrets",
    ),
    "header-limit": Cure(
        nginx="`large_client_header_buffers 4 8k;`",
        haproxy="`tune.bufsize 16384` or more",
        caddy="no `max_header_size` below 16KB in `servers`",
        apache="`LimitRequestFieldSize 8190`",
    ),
    "origin-lost": Cure(
        nginx="`proxy_set_header Host $http_host;`, `proxy_set_header X-Forwarded-Proto $scheme;`"
        " and `proxy_set_header X-Forwarded-Host $http_host;`; its address in"
        " COURSESTREAM_TRUSTED_PROXIES",
        haproxy="`http-request set-header X-Forwarded-Proto https if { ssl_fc }`, `http-request"
        " set-header X-Forwarded-Host %[req.hdr(Host)]`, no `set-header Host`; its address in"
        " COURSESTREAM_TRUSTED_PROXIES",
        caddy="no `header_up Host` or `X-Forwarded-Proto`; its address in"
        " COURSESTREAM_TRUSTED_PROXIES",
        apache="`ProxyPreserveHost On`, `RequestHeader set X-Forwarded-Proto https`; its address in"
        " COURSESTREAM_TRUSTED_PROXIES",
    ),
    "accept-changed": Cure(
        nginx="remove `proxy_set_header Accept`",
        haproxy="remove `http-request del-header Accept` and `set-header Accept`",
        caddy="remove `header_up Accept` and `-Accept`",
        apache="remove `RequestHeader unset Accept` and `set Accept`",
    ),
    "request-header-lost": Cure(
        nginx="remove the `proxy_set_header` that names it, and `proxy_pass_request_headers off`",
        haproxy="remove the `http-request del-header` or `set-header` that names it",
        caddy="remove the `header_up` that names it",
        apache="remove the `RequestHeader unset` or `set` that names it",
    ),
    "too-slow": Cure(
        nginx="remove `limit_rate` and `proxy_limit_rate`: COURSESTREAM_STREAM_BANDWIDTH_LIMIT is"
        " by user",
        haproxy="remove `filter bwlim-out` and its `set-bandwidth-limit`",
        apache="remove `SetOutputFilter RATE_LIMIT`",
    ),
    "cookie-lost": Cure(
        nginx="remove `proxy_set_header Cookie`",
        haproxy="remove `http-request del-header Cookie`",
        caddy="remove `header_up -Cookie`",
        apache="remove `RequestHeader unset Cookie`",
    ),
    "frames-refused": Cure(
        nginx="remove `add_header X-Frame-Options` and `Content-Security-Policy`: the service has"
        " its own",
        haproxy="remove `http-response set-header` of X-Frame-Options and Content-Security-Policy",
        caddy="remove `header` of X-Frame-Options and Content-Security-Policy",
        apache="remove `Header set` of X-Frame-Options and Content-Security-Policy",
    ),
    "cors-added": Cure(
        nginx="remove `add_header Access-Control-...`; name the origins in"
        " COURSESTREAM_CORS_ORIGINS",
        haproxy="remove `http-response set-header Access-Control-...`; name the origins in"
        " COURSESTREAM_CORS_ORIGINS",
        caddy="remove `header Access-Control-...`; name the origins in COURSESTREAM_CORS_ORIGINS",
        apache="remove `Header set Access-Control-...`; name the origins in"
        " COURSESTREAM_CORS_ORIGINS",
    ),
    "certificate-ended": Cure(
        nginx="renew it, then `nginx -s reload`: `certbot renew --deploy-hook 'nginx -s reload'`",
        haproxy="renew it, write the file of `crt` anew, and reload",
        caddy="see the log of its certificates: ports 80 and 443 must be reached from outside",
        apache="renew it, then `apachectl graceful`",
    ),
    "certificate-name": Cure(
        nginx="the server with this `server_name` needs a certificate of that name; without such a"
        " server the first one answers",
        haproxy="`crt` needs a certificate of this name; `strict-sni` refuses others",
        caddy="the site's address must be this name",
        apache="the `<VirtualHost>` with this `ServerName` needs a certificate of that name",
    ),
    "certificate-own": Cure(
        nginx="`ssl_certificate` of an authority that browsers know, as Let's Encrypt",
        haproxy="`crt` of an authority that browsers know, as Let's Encrypt",
        caddy="remove `tls internal`",
        apache="`SSLCertificateFile` of an authority that browsers know, as Let's Encrypt",
    ),
    "tls-off": Cure(
        nginx="`listen 443 ssl http2;` with `ssl_certificate` and `ssl_certificate_key`",
        haproxy="`bind :443 ssl crt ... alpn h2,http/1.1`",
        caddy="the site's address without `http://`",
        apache="`SSLEngine on` in the `<VirtualHost>` of port 443",
    ),
    "tls-old": Cure(
        nginx="`ssl_protocols TLSv1.2 TLSv1.3;`",
        haproxy="`ssl-min-ver TLSv1.2`, no `ssl-max-ver` and no `force-tlsv10`",
        caddy="no `protocols` of `tls`",
        apache="`SSLProtocol -all +TLSv1.2 +TLSv1.3`",
    ),
    "address-silent": Cure(
        nginx="`listen [::]:443 ssl http2;` beside `listen 443`, or take the AAAA record away",
        haproxy="`bind :::443 v4v6 ssl crt ...`, or take the AAAA record away",
        caddy="no `bind` of some addresses, or take the others out of the DNS",
        apache="`Listen [::]:443`, or take the AAAA record away",
    ),
    "upstream-away": Cure(
        nginx="`server` in `upstream`: where the service listens (COURSESTREAM_HOST, _PORT)",
        haproxy="`server` in the backend, and its `check`",
        caddy="the address after `reverse_proxy`",
        apache="the address of `ProxyPass`",
    ),
}
