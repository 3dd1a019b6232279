/*
 * The TLS of the generator, by OpenSSL: one cipher, so that every server encrypts with the same.
 * Certificates are not checked: whom it asks was started by the one who measures.
 */
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef WITH_TLS

#include <openssl/ssl.h>

static const char *const CIPHER = "TLS_AES_256_GCM_SHA384";

static SSL_CTX *context(void)
{
    static SSL_CTX *made;
    if (made)
        return made;
    made = SSL_CTX_new(TLS_client_method());
    if (!made || !SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION)
        || !SSL_CTX_set_ciphersuites(made, CIPHER)) {
        fprintf(stderr, "load: no TLS 1.3 with %s\n", CIPHER);
        exit(2);
    }
    SSL_CTX_set_read_ahead(made, 1);    /* one recv(2) a record, not two */
    return made;
}

static SSL *ssl(struct tls *tls)
{
    return (SSL *)tls;
}

struct tls *tls_open(int fd)
{
    SSL *made = SSL_new(context());
    if (!made || !SSL_set_fd(made, fd)) {
        fprintf(stderr, "load: no TLS\n");
        exit(2);
    }
    SSL_set_connect_state(made);
    return (struct tls *)made;
}

void tls_close(struct tls *tls)
{
    SSL_free(ssl(tls));
}

static int result(struct tls *tls, int done)
{
    int error = SSL_get_error(ssl(tls), done);
    if (done > 0)
        return done;
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

int tls_handshake(struct tls *tls)
{
    int done = result(tls, SSL_do_handshake(ssl(tls)));
    return done > 0 ? 1 : done < 0 && errno == EAGAIN ? 0 : -1;
}

ssize_t tls_read(struct tls *tls, void *buffer, size_t room)
{
    return result(tls, SSL_read(ssl(tls), buffer, room));
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t size)
{
    return result(tls, SSL_write(ssl(tls), bytes, size));
}

#else

struct tls *tls_open(int fd)
{
    (void)fd;
    fprintf(stderr, "load: compiled without OpenSSL\n");
    exit(2);
}

void tls_close(struct tls *tls)
{
    (void)tls;
}

int tls_handshake(struct tls *tls)
{
    (void)tls;
    return -1;
}

ssize_t tls_read(struct tls *tls, void *buffer, size_t room)
{
    (void)tls, (void)buffer, (void)room;
    return -1;
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t size)
{
    (void)tls, (void)bytes, (void)size;
    return -1;
}

#endif
