/*
 * Listens to server-sent events on many connections and has a server publish them, one by one.
 *
 * `listen PORT CONNECTIONS PATH PUBLISH_FILE`. PUBLISH_FILE holds a raw request with one %08d in it,
 * where the number of the event goes. Says "begun" once a fifth of the streams were answered, goes
 * on at a line of its input, and says "open" once all were. Then each line, "EVENTS PAUSE_MS", is a
 * measurement and answered by a line of JSON. The next event is asked for once all have heard the
 * one before, and after the pause: no server's queue is filled, so none may drop.
 *
 * A wait is from just before the request to publish is written until a connection has read the
 * event. Streams are not parsed: "data:" marks an event.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, REQUEST_LIMIT = 8192, READY = 512, OPENED_AT_ONCE = 20 };
static const double PATIENCE_S = 60.0;

struct stream {
    int fd;
    bool is_open;
    int head_matched, mark_matched;
    int heard;
};

static struct stream *streams;
static int stream_count, epoll_fd;
static double *waits_s;
static long wait_count;
static double published_at_s;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int connected(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_all(int fd, const char *text, size_t size)
{
    if (write(fd, text, size) != (ssize_t)size)
        fail("write");
}

/* One step of looking for `mark`, whose first character occurs in it only there. */
static int matched(int so_far, const char *mark, char next, char first)
{
    return next == mark[so_far] ? so_far + 1 : next == first;
}

static void take(struct stream *stream, const char *bytes, ssize_t size, double at_s)
{
    static const char ok[] = "HTTP/1.1 200";
    ssize_t i = 0;
    if (!stream->is_open && stream->head_matched == 0 && memcmp(bytes, ok, sizeof ok - 1) != 0)
        fail("a stream was refused");
    for (; i < size && !stream->is_open; i++) {
        stream->head_matched = matched(stream->head_matched, "\r\n\r\n", bytes[i], '\r');
        stream->is_open = stream->head_matched == 4;
    }
    for (; i < size; i++) {
        stream->mark_matched = matched(stream->mark_matched, "data:", bytes[i], 'd');
        if (stream->mark_matched == 5) {
            stream->mark_matched = 0;
            stream->heard++;
            if (waits_s)
                waits_s[wait_count++] = at_s - published_at_s;
        }
    }
}

static void read_ready(int timeout_ms)
{
    static char bytes[READ_BYTES];
    struct epoll_event ready[READY];
    int count = epoll_wait(epoll_fd, ready, READY, timeout_ms);
    for (int i = 0; i < count; i++) {
        struct stream *stream = ready[i].data.ptr;
        ssize_t size = recv(stream->fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size == 0)
            fail("a stream ended");
        if (size > 0)
            take(stream, bytes, size, now_s());
    }
}

static void open_streams(int first, int stop, int port, const char *path)
{
    char request[REQUEST_LIMIT];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n",
                        path);
    double deadline_s = now_s() + PATIENCE_S;
    for (int i = first; i < stop; i++) {
        struct epoll_event readable = {.events = EPOLLIN, .data.ptr = &streams[i]};
        streams[i].fd = connected(port);
        send_all(streams[i].fd, request, size);
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, streams[i].fd, &readable);
        bool is_pause = i % OPENED_AT_ONCE == OPENED_AT_ONCE - 1 || i == stop - 1;
        for (int j = i; is_pause && j > i - OPENED_AT_ONCE && j >= 0; j--)
            while (!streams[j].is_open && now_s() < deadline_s)
                read_ready(100);
    }
    if (now_s() >= deadline_s)
        fail("not all streams were answered");
}

static void publish(int fd, const char *template)
{
    static int number;
    char answer[READ_BYTES], request[REQUEST_LIMIT];
    int size = snprintf(request, sizeof request, template, ++number);
    double deadline_s = now_s() + PATIENCE_S;
    wait_count = 0;
    published_at_s = now_s();
    send_all(fd, request, size);
    bool is_answered = false;
    while (!is_answered || wait_count < stream_count) {
        read_ready(is_answered ? 10 : 1);
        is_answered |= recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0;
        if (now_s() > deadline_s)
            fail("not all heard");
    }
}

static void wait_ms(double pause_ms)
{
    for (double until_s = now_s() + pause_ms / 1e3; now_s() < until_s;)
        read_ready(1);
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void measure(int fd, const char *template, int events, double pause_ms)
{
    double *all = malloc(sizeof *all * events * stream_count), busy_s = 0;
    waits_s = malloc(sizeof *waits_s * stream_count);
    for (int event = 0; event < events; event++) {
        publish(fd, template);
        memcpy(all + (long)event * stream_count, waits_s, sizeof *waits_s * stream_count);
        busy_s += now_s() - published_at_s;
        wait_ms(pause_ms);
    }
    long count = (long)events * stream_count;
    qsort(all, count, sizeof *all, by_size);
    printf("{\"deliveries\": %ld, \"busy_s\": %.4f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", count,
           busy_s, all[count / 2] * 1e3, all[(long)(count * 0.99)] * 1e3);
    fflush(stdout);
    free(all);
    free(waits_s);
    waits_s = NULL;
}

static void say(const char *word)
{
    printf("%s\n", word);
    fflush(stdout);
}

static char *contents(const char *name)
{
    static char text[REQUEST_LIMIT];
    FILE *file = fopen(name, "r");
    if (!file || fread(text, 1, sizeof text - 1, file) == 0)
        fail(name);
    fclose(file);
    return text;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 64;
    int port = atoi(argv[1]), events;
    double pause_ms;
    char line[64];
    const char *template = contents(argv[4]);
    stream_count = atoi(argv[2]);
    streams = calloc(stream_count, sizeof *streams);
    epoll_fd = epoll_create1(0);
    open_streams(0, stream_count / 5, port, argv[3]);
    say("begun");
    if (!fgets(line, sizeof line, stdin))
        return 0;
    open_streams(stream_count / 5, stream_count, port, argv[3]);
    int publisher = connected(port);
    say("open");
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (true) {
        read_ready(0); /* heartbeats */
        if (poll(&input, 1, 10) == 0)
            continue;
        if (!fgets(line, sizeof line, stdin))
            return 0;
        if (sscanf(line, "%d %lf", &events, &pause_ms) == 2)
            measure(publisher, template, events, pause_ms);
    }
}
