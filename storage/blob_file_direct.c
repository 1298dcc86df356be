/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the data of large blobs past the page cache, by threads of its own. The copy into fresh pages costs more
 * processor time than all else that storage does with a large upload, and what a writer waits for the disk, it could
 * hash the next bytes. So a writer fills one half of an aligned area while the other half is being written.
 *
 * A file system may refuse, when asked or with the first write (EINVAL); then the same write is made through the page
 * cache, and no writer of this store tries again. Nothing here makes anything durable: the writer waits for its write,
 * returns to the page cache for what is left, and syncs as always.
 *
 * Memory is bounded by BLOB_DIRECT_WRITERS areas; who finds none left writes through the page cache. An area belongs to
 * one writer from its creation to its end, so a client that stalls takes nothing from the others.
 *
 * Threads: started with the first large blob; `lock` guards the queue and the states of all writes.
 */
#include "storage/blob_file_in.h"
#include <errno.h>
#include <stdlib.h>
#include "base/arena.h"
#include "base/check.h"

#define DIRECT_STACK_BYTES (128 * 1024)

void blob_direct_init(struct blob_direct *d, const struct io *io)
{
    d->io = io;
    d->tail = &d->head;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->queued, NULL);
}

void blob_direct_fini(struct blob_direct *d)
{
    pthread_mutex_lock(&d->lock);
    CHECK(d->head == NULL && d->areas == 0);
    d->stopping = true;
    pthread_cond_broadcast(&d->queued);
    pthread_mutex_unlock(&d->lock);
    for (size_t i = 0; i < d->n_threads; i++)
        pthread_join(d->threads[i], NULL);
    pthread_cond_destroy(&d->queued);
    pthread_mutex_destroy(&d->lock);
}

/* --- areas
 * ------------------------------------------------------------------------------------------------------------ */

unsigned char *blob_direct_enter(struct blob_direct *d, int fd)
{
    void *area = NULL;

    pthread_mutex_lock(&d->lock);
    bool allowed = !d->refused && d->areas < BLOB_DIRECT_WRITERS;
    d->areas += allowed;
    pthread_mutex_unlock(&d->lock);
    if (!allowed)
        return NULL;
    bool direct = d->io->set_direct(fd, true) == 0, refused = !direct && errno == EINVAL;
    if (direct && posix_memalign(&area, BLOB_DIRECT_ALIGN, (size_t)2 * BLOB_DIRECT_BYTES) == 0)
        return area;
    if (direct)
        d->io->set_direct(fd, false);
    pthread_mutex_lock(&d->lock);
    d->areas--;
    d->refused = d->refused || refused;
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

void blob_direct_leave(struct blob_direct *d, unsigned char *area)
{
    free(area);
    pthread_mutex_lock(&d->lock);
    d->areas--;
    pthread_mutex_unlock(&d->lock);
}

/* --- writes
 * ----------------------------------------------------------------------------------------------------------- */

static bool give_up_direct(struct blob_direct *d, int fd)
{
    pthread_mutex_lock(&d->lock);
    d->refused = true;
    pthread_mutex_unlock(&d->lock);
    return d->io->set_direct(fd, false) == 0;
}

static int write_whole(struct blob_direct *d, const struct blob_direct_write *w)
{
    bool direct = true;

    for (size_t at = 0; at < w->n;) {
        ssize_t done = d->io->pwrite(w->fd, w->p + at, w->n - at, (off_t)(w->offset + at));
        if (done > 0)
            at += (size_t)done;
        else if (done < 0 && errno == EINTR)
            continue;
        else if (done < 0 && errno == EINVAL && direct && give_up_direct(d, w->fd))
            direct = false; /* an alignment that is not enough here, or what is left of a short write */
        else
            return done < 0 ? blob_rc_of_errno(errno) : BLOB_IO;
    }
    return BLOB_OK;
}

static void *write_thread(void *arg)
{
    struct blob_direct *d = arg;

    pthread_mutex_lock(&d->lock);
    for (;;) {
        while (d->head == NULL && !d->stopping) {
            d->idle++;
            pthread_cond_wait(&d->queued, &d->lock);
            d->idle--;
        }
        if (d->head == NULL)
            break;
        struct blob_direct_write *w = d->head;
        d->head = w->next;
        if (d->head == NULL)
            d->tail = &d->head;
        pthread_mutex_unlock(&d->lock);
        int rc = write_whole(d, w);
        pthread_mutex_lock(&d->lock);
        w->rc = rc;
        w->busy = false;
        pthread_cond_signal(&w->ended);
    }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* With the lock held. One more thread when all are at work; false when there is none at all. */
static bool have_thread(struct blob_direct *d)
{
    pthread_attr_t attr;

    if (d->idle == 0 && d->n_threads < BLOB_DIRECT_THREADS) {
        pthread_attr_init(&attr);
        pthread_attr_setstacksize(&attr, DIRECT_STACK_BYTES);
        d->n_threads += pthread_create(&d->threads[d->n_threads], &attr, write_thread, d) == 0;
        pthread_attr_destroy(&attr);
    }
    return d->n_threads > 0;
}

void blob_direct_begin(struct blob_direct *d, struct blob_direct_write *w)
{
    pthread_mutex_lock(&d->lock);
    CHECK(!w->busy);
    bool handed = have_thread(d);
    if (handed) {
        w->busy = true;
        w->next = NULL;
        *d->tail = w;
        d->tail = &w->next;
        pthread_cond_signal(&d->queued);
    }
    pthread_mutex_unlock(&d->lock);
    if (!handed)
        w->rc = write_whole(d, w);
}

int blob_direct_wait(struct blob_direct *d, struct blob_direct_write *w)
{
    pthread_mutex_lock(&d->lock);
    while (w->busy)
        pthread_cond_wait(&w->ended, &d->lock);
    int rc = w->rc;
    pthread_mutex_unlock(&d->lock);
    return rc;
}
