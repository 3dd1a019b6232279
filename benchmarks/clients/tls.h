/* TLS 1.3 over sockets that do not block; like recv(2) and send(2), with EAGAIN. */
#include <stddef.h>
#include <sys/types.h>

struct tls;

struct tls *tls_open(int fd);
void tls_close(struct tls *);
/* 1 when it is done, 0 when more has to arrive, -1 when it failed. */
int tls_handshake(struct tls *);
ssize_t tls_read(struct tls *, void *buffer, size_t room);
ssize_t tls_write(struct tls *, const void *bytes, size_t size);
