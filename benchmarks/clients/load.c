/*
 * Asks an HTTP/1.1 server for byte ranges over many connections, as fast as one core goes.
 *
 * Bodies are thrown away in the kernel (MSG_TRUNC, tcp(7)), so that asking costs far less than
 * answering; with --tls they are decrypted first, which costs less than encrypting. Every answer is
 * checked: status, Content-Range, length. Prints one line of JSON.
 *
 * Two kinds of work: as many requests as the connections take, or (--players) slow players that
 * read at a steady rate while seekers, each on a new connection, tell how long a seek takes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"

enum {
    HEAD_LIMIT = 4096,
    REQUEST_LIMIT = 8192,
    EVENTS = 256,
    BODY_BUDGET = 1 << 20,      /* read from one connection before the next has its turn */
    SEEK_BYTES = 64 << 10,
    SEEK_PAUSE_MS = 20,
    TICKS_PER_TURN = 100,       /* every player reads once in so many ticks of 1 ms */
    PLAYER_BUFFER = 256 << 10,  /* a player's receive buffer: the rest waits in the server */
    ALIGNMENT = 64 << 10,
    MOST_LATENCIES = 4000000,
    MOST_INTERVALS = 1000,
    MOST_ERRORS = 10000,
};

enum state { IDLE, CONNECTING, SHAKING, HEAD, BODY };

enum role { ASKER, PLAYER, SEEKER };

struct target {
    char *path;
    long size;
};

struct connection {
    int fd;
    struct tls *tls;            /* NULL without */
    enum state state;
    enum role role;
    bool closes;                /* the server said `Connection: close` */
    const struct target *target;
    long first, last;           /* of the bytes asked for, inclusive */
    long left;
    double asked_s, due_s;
    size_t head_size;
    char head[HEAD_LIMIT];
};

struct latencies {
    float *seconds;
    size_t count;
};

static struct {
    const char *host, *port, *header, *targets;
    int connections, players, seekers;
    long range;                 /* 0: whole files, without a Range field */
    long piece;                 /* of a player, one after the other; 0: to the end of the file */
    long rate;                  /* bytes a second and player */
    double seconds, warmup, interval;
    bool fresh;                 /* a new connection for each request */
    bool unaligned;             /* ranges may begin anywhere */
    bool tls;
} options = {
    .host = "127.0.0.1", .port = "8080", .header = "", .connections = 64, .range = 64 << 10,
    .seconds = 5, .warmup = 0.5, .rate = 300000, .seekers = 8,
};

static struct addrinfo *address;
static struct target *targets;
static size_t target_count;
static struct latencies whole, first_byte;
static double start_s;          /* of what is measured, after the warm-up */
static bool is_measuring;
static long requests, bytes, player_bytes, opened, errors;
static long all_bytes;           /* those of the warm-up, too */
static char first_error[160];
static int poller;

static void fail(const char *what)
{
    perror(what);
    exit(2);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static uint64_t random_number(void)
{
    static uint64_t state = 88172645463325252ULL;   /* Marsaglia's xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void keep(struct latencies *kept, double seconds)
{
    if (kept->count < MOST_LATENCIES)
        kept->seconds[kept->count++] = seconds;
}

/* Connections */

static void watch(struct connection *c, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &event))
        fail("epoll_ctl");
}

static void open_connection(struct connection *c)
{
    int on = 1, buffer = PLAYER_BUFFER;
    c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        fail("socket");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (c->role == PLAYER)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    c->asked_s = now();
    c->state = CONNECTING;
    if (connect(c->fd, address->ai_addr, address->ai_addrlen) && errno != EINPROGRESS)
        fail("connect");
    opened++;
    watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void close_connection(struct connection *c)
{
    if (c->tls)
        tls_close(c->tls);
    c->tls = NULL;
    close(c->fd);
}

static void reopen(struct connection *c)
{
    close_connection(c);
    open_connection(c);
}

static ssize_t put(struct connection *c, const void *bytes, size_t size)
{
    return c->tls ? tls_write(c->tls, bytes, size) : send(c->fd, bytes, size, MSG_NOSIGNAL);
}

static ssize_t take(struct connection *c, void *buffer, size_t room)
{
    return c->tls ? tls_read(c->tls, buffer, room) : recv(c->fd, buffer, room, 0);
}

static ssize_t take_away(struct connection *c, size_t room)
{
    static char away[16 << 10];         /* a record */
    if (!c->tls)
        return recv(c->fd, NULL, room, MSG_TRUNC);
    return tls_read(c->tls, away, room < sizeof away ? room : sizeof away);
}

static void note_error(struct connection *c, const char *what)
{
    if (!errors++) {
        int shown = c->head_size < 100 ? (int)c->head_size : 100;
        snprintf(first_error, sizeof first_error, "%s: %.*s", what, shown, c->head);
        for (char *p = first_error; *p; p++)
            if (*p < ' ' || *p == '"' || *p == '\\' || *p == 127)
                *p = ' ';
    }
    reopen(c);
}

/* Requests */

/* A random place with that many bytes after it; downloaders cut files into even chunks. */
static long random_first(long size, long length)
{
    if (options.unaligned)
        return random_number() % (size - length + 1);
    return random_number() % ((size - length) / ALIGNMENT + 1) * ALIGNMENT;
}

/* Where the last piece ended, until the file does. */
static bool choose_next_piece(struct connection *c)
{
    if (!options.piece || !c->target || c->last + 1 >= c->target->size)
        return false;
    c->first = c->last + 1;
    return true;
}

static void choose_piece(struct connection *c)
{
    if (!choose_next_piece(c)) {        /* from somewhere in the first half */
        c->target = &targets[random_number() % target_count];
        c->first = random_first(c->target->size, c->target->size / 2);
    }
    long left = c->target->size - c->first;
    c->last = c->first + (options.piece && options.piece < left ? options.piece : left) - 1;
}

static void choose_bytes(struct connection *c)
{
    if (c->role == PLAYER) {
        choose_piece(c);
        return;
    }
    c->target = &targets[random_number() % target_count];
    long size = c->target->size;
    long length = c->role == SEEKER ? SEEK_BYTES : options.range;
    if (length && length < size) {
        c->first = random_first(size, length);
        c->last = c->first + length - 1;
    } else {
        c->first = 0;
        c->last = size - 1;
    }
}

static bool is_ranged(const struct connection *c)
{
    return c->role != ASKER || options.range;
}

static void ask(struct connection *c)
{
    char request[REQUEST_LIMIT], range[80] = "";
    choose_bytes(c);
    if (c->role == PLAYER && !options.piece)
        snprintf(range, sizeof range, "Range: bytes=%ld-\r\n", c->first);
    else if (is_ranged(c))
        snprintf(range, sizeof range, "Range: bytes=%ld-%ld\r\n", c->first, c->last);
    int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%s\r\n%s%s%s\r\n",
                        c->target->path, options.host, options.port, range, options.header,
                        *options.header ? "\r\n" : "");
    c->state = HEAD;
    c->head_size = 0;
    c->closes = false;
    if (size >= REQUEST_LIMIT || put(c, request, size) != size)
        note_error(c, "request not sent");
}

/* Answers */

static bool has_name(const char *line, const char *name)
{
    return !strncasecmp(line, name, strlen(name));
}

/* What is wrong with the head, or NULL. */
static const char *fault(struct connection *c)
{
    char wanted[96];
    long length = -1;
    bool range_matches = false;
    int status = atoi(c->head + strlen("HTTP/1.1 "));
    int wanted_size = snprintf(wanted, sizeof wanted, "Content-Range: bytes %ld-%ld/%ld\r\n",
                               c->first, c->last, c->target->size);
    for (char *line = strstr(c->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (has_name(line, "Content-Length:"))
            length = atol(line + strlen("Content-Length:"));
        else if (has_name(line, "Content-Range:"))
            range_matches = !strncasecmp(line, wanted, wanted_size);
        else if (has_name(line, "Connection: close"))
            c->closes = true;
    }
    if (status != (is_ranged(c) ? 206 : 200))
        return "status";
    if (is_ranged(c) && !range_matches)
        return "Content-Range";
    return length == c->last - c->first + 1 ? NULL : "Content-Length";
}

static void finish(struct connection *c)
{
    if (is_measuring && c->asked_s >= start_s && c->role != PLAYER) {
        requests++;
        keep(&whole, now() - c->asked_s);
    }
    if (c->role == SEEKER) {
        close_connection(c);
        c->state = IDLE;
        c->due_s = now() + SEEK_PAUSE_MS * 1e-3;
    } else if (options.fresh || c->closes) {
        reopen(c);
    } else {
        c->asked_s = now();
        ask(c);
    }
}

static void count_body(struct connection *c, long size)
{
    c->left -= size;
    all_bytes += size;
    if (is_measuring)
        *(c->role == PLAYER ? &player_bytes : &bytes) += size;
    if (c->left < 0)
        note_error(c, "more than was asked for");
    else if (!c->left)
        finish(c);
}

static bool is_quiet(ssize_t size)
{
    return size < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Says how many bytes it took. */
static long read_head(struct connection *c)
{
    size_t room = HEAD_LIMIT - 1 - c->head_size;
    ssize_t size = take(c, c->head + c->head_size, room);
    if (size <= 0) {
        if (!is_quiet(size))
            note_error(c, "closed before the answer");
        return 0;
    }
    if (!c->head_size && is_measuring && c->asked_s >= start_s && c->role != PLAYER)
        keep(&first_byte, now() - c->asked_s);
    c->head_size += size;
    c->head[c->head_size] = 0;
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end) {
        if ((size_t)size == room)
            note_error(c, "head too large");
        return size;
    }
    end[2] = 0;
    const char *wrong = fault(c);
    if (wrong) {
        note_error(c, wrong);
        return size;
    }
    c->state = BODY;
    c->left = c->last - c->first + 1;
    count_body(c, c->head_size - (end + 4 - c->head));
    return size;
}

static long read_body(struct connection *c, long budget)
{
    long room = c->left < budget ? c->left : budget;
    ssize_t size = take_away(c, room);
    if (size <= 0) {
        if (!is_quiet(size))
            note_error(c, "closed in the body");
        return 0;
    }
    count_body(c, size);
    return size;
}

static void be_ready(struct connection *c)
{
    if (c->role == PLAYER)              /* read by the clock, not when there is something */
        watch(c, EPOLL_CTL_DEL, 0);
    ask(c);
}

static void shake(struct connection *c)
{
    int done = tls_handshake(c->tls);
    if (done < 0)
        note_error(c, "TLS handshake");
    else if (done)
        be_ready(c);
}

static void connected(struct connection *c)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    c->head_size = 0;
    if (error) {
        note_error(c, strerror(error));
        return;
    }
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
    if (options.tls) {
        c->tls = tls_open(c->fd);
        c->state = SHAKING;
        shake(c);
    } else {
        be_ready(c);
    }
}

/* To its end: what OpenSSL holds already wakes nobody. */
static void read_records(struct connection *c)
{
    long took = 1;
    while (took > 0 && (c->state == HEAD || c->state == BODY))
        took = c->state == HEAD ? read_head(c) : read_body(c, BODY_BUDGET);
}

static void on_event(struct connection *c)
{
    if (c->state == CONNECTING)
        connected(c);
    else if (c->state == SHAKING)
        shake(c);
    else if (c->tls)
        read_records(c);
    else if (c->state == HEAD)
        read_head(c);
    else if (c->state == BODY)
        read_body(c, BODY_BUDGET);
}

/* Players and seekers */

static void play(struct connection *c)
{
    long budget = options.rate * TICKS_PER_TURN / 1000, took = 1;
    while (budget > 0 && took > 0) {
        if (c->state != HEAD && c->state != BODY)
            return;
        took = c->state == HEAD ? read_head(c) : read_body(c, budget);
        budget -= took;
    }
}

static void tick(struct connection *connections, long number)
{
    for (int i = number % TICKS_PER_TURN; i < options.players; i += TICKS_PER_TURN)
        play(&connections[i]);
    double time = now();
    for (int i = options.players; i < options.players + options.seekers; i++)
        if (connections[i].state == IDLE && connections[i].due_s <= time)
            open_connection(&connections[i]);
}

static int start_ticking(void)
{
    struct itimerspec each_ms = {{0, 1000000}, {0, 1000000}};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (timer < 0 || timerfd_settime(timer, 0, &each_ms, NULL)
        || epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event))
        fail("timer");
    return timer;
}

/* The run */

static struct connection *open_all(int *count)
{
    bool plays = options.players > 0;
    *count = plays ? options.players + options.seekers : options.connections;
    struct connection *connections = calloc(*count, sizeof *connections);
    if (!connections)
        fail("calloc");
    for (int i = 0; i < *count; i++) {
        connections[i].role = !plays ? ASKER : i < options.players ? PLAYER : SEEKER;
        open_connection(&connections[i]);
    }
    return connections;
}

static void poll_once(struct connection *connections, int timer)
{
    static long ticks;
    struct epoll_event events[EVENTS];
    int count = epoll_wait(poller, events, EVENTS, 100);
    for (int i = 0; i < count; i++) {
        uint64_t passed;
        if (events[i].data.ptr)
            on_event(events[i].data.ptr);
        else if (read(timer, &passed, sizeof passed) == sizeof passed)
            while (passed--)
                tick(connections, ticks++);
    }
}

/* Says how long it measured; fills `series` with the bytes of each interval. */
static double run(double *series, int *intervals)
{
    int count;
    poller = epoll_create1(0);
    double began_s = now(), last_s = 0;
    long counted = 0;
    struct connection *connections = open_all(&count);
    int timer = options.players ? start_ticking() : -1;
    start_s = began_s + options.warmup;
    for (;;) {
        poll_once(connections, timer);
        double time = now();
        if (!is_measuring && time >= start_s) {
            is_measuring = true;
            start_s = last_s = time;
        }
        if (is_measuring && options.interval && time - last_s >= options.interval
            && *intervals < MOST_INTERVALS) {
            series[(*intervals)++] = (bytes - counted) / (time - last_s);
            counted = bytes;
            last_s = time;
        }
        if (time >= began_s + options.warmup + options.seconds || errors > MOST_ERRORS)
            return is_measuring ? time - start_s : 0;
    }
}

/* The answer */

static int by_size(const void *one, const void *other)
{
    float a = *(const float *)one, b = *(const float *)other;
    return (a > b) - (a < b);
}

static double at(const struct latencies *kept, double share)
{
    return kept->count ? kept->seconds[(size_t)(share * (kept->count - 1))] * 1e3 : 0;
}

static void print_latencies(const char *name, struct latencies *kept)
{
    qsort(kept->seconds, kept->count, sizeof *kept->seconds, by_size);
    printf("\"%s\": {\"p50\": %.3f, \"p90\": %.3f, \"p99\": %.3f, \"max\": %.3f}, ", name,
           at(kept, 0.5), at(kept, 0.9), at(kept, 0.99), at(kept, 1));
}

static void print_result(double seconds, const double *series, int intervals)
{
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("{\"seconds\": %.3f, \"requests\": %ld, \"bytes\": %ld, \"player_bytes\": %ld, "
           "\"all_bytes\": %ld, ", seconds, requests, bytes, player_bytes, all_bytes);
    print_latencies("latency_ms", &whole);
    print_latencies("first_byte_ms", &first_byte);
    printf("\"series\": [");
    for (int i = 0; i < intervals; i++)
        printf("%s%.0f", i ? ", " : "", series[i]);
    printf("], \"opened\": %ld, \"errors\": %ld, \"first_error\": \"%s\", \"cpu_s\": %.2f}\n",
           opened, errors, first_error, cpu.tv_sec + cpu.tv_nsec * 1e-9);
}

/* Arguments */

/* Lines of `size path`. */
static void read_targets(const char *file)
{
    char line[REQUEST_LIMIT];
    size_t room = 0;
    FILE *lines = fopen(file, "r");
    if (!lines)
        fail(file);
    while (fgets(line, sizeof line, lines)) {
        char *path;
        long size = strtol(line, &path, 10);
        path += strspn(path, " ");
        path[strcspn(path, "\r\n")] = 0;
        if (target_count == room) {
            room = room ? 2 * room : 64;
            targets = realloc(targets, room * sizeof *targets);
        }
        if (!targets)
            fail("realloc");
        if (size < 2 || *path != '/') {
            fprintf(stderr, "%s: not `size path`: %s\n", file, line);
            exit(2);
        }
        targets[target_count++] = (struct target){strdup(path), size};
    }
    fclose(lines);
}

static const struct option names[] = {
    {"host", required_argument, 0, 'h'},
    {"port", required_argument, 0, 'p'},
    {"targets", required_argument, 0, 't'},
    {"header", required_argument, 0, 'H'},
    {"connections", required_argument, 0, 'c'},
    {"range", required_argument, 0, 'r'},
    {"unaligned", no_argument, 0, 'u'},
    {"tls", no_argument, 0, 'T'},
    {"fresh", no_argument, 0, 'f'},
    {"players", required_argument, 0, 'P'},
    {"rate", required_argument, 0, 'R'},
    {"piece", required_argument, 0, 'I'},
    {"seekers", required_argument, 0, 'S'},
    {"seconds", required_argument, 0, 's'},
    {"warmup", required_argument, 0, 'w'},
    {"interval", required_argument, 0, 'i'},
    {0},
};

static void read_options(int count, char **values)
{
    int option;
    while ((option = getopt_long(count, values, "", names, NULL)) != -1)
        switch (option) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = optarg; break;
        case 't': options.targets = optarg; break;
        case 'H': options.header = optarg; break;
        case 'c': options.connections = atoi(optarg); break;
        case 'r': options.range = atol(optarg); break;
        case 'f': options.fresh = true; break;
        case 'u': options.unaligned = true; break;
        case 'T': options.tls = true; break;
        case 'P': options.players = atoi(optarg); break;
        case 'R': options.rate = atol(optarg); break;
        case 'I': options.piece = atol(optarg); break;
        case 'S': options.seekers = atoi(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'w': options.warmup = atof(optarg); break;
        case 'i': options.interval = atof(optarg); break;
        default: exit(2);
        }
}

int main(int count, char **values)
{
    static double series[MOST_INTERVALS];
    int intervals = 0;
    struct addrinfo kind = {.ai_socktype = SOCK_STREAM};
    read_options(count, values);
    if (options.targets)
        read_targets(options.targets);
    if (!target_count) {
        fprintf(stderr, "load: --targets FILE with lines of `size path` is needed\n");
        return 2;
    }
    int code = getaddrinfo(options.host, options.port, &kind, &address);
    if (code) {
        fprintf(stderr, "load: %s: %s\n", options.host, gai_strerror(code));
        return 2;
    }
    whole.seconds = malloc(MOST_LATENCIES * sizeof(float));
    first_byte.seconds = malloc(MOST_LATENCIES * sizeof(float));
    if (!whole.seconds || !first_byte.seconds)
        fail("malloc");
    signal(SIGPIPE, SIG_IGN);
    double seconds = run(series, &intervals);
    print_result(seconds, series, intervals);
    return 0;
}
