/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becoming the owner of a data folder; see admin/folder_owner.h. Idea: files that are never root's need no chown later,
 * and a command that is killed half-way leaves none behind. A folder that is not there yet has no owner: then the
 * command goes on as root and says itself what is wrong.
 */
#include "admin/folder_owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"

/* What root's groups were before a borrow. */
static struct {
    gid_t *list;
    int n;
} kept;

static const char *name_of(uid_t uid, char out[64])
{
    const struct passwd *who = getpwuid(uid);
    if (who)
        snprintf(out, 64, "%.60s", who->pw_name);
    else
        snprintf(out, 64, "number %u", (unsigned)uid);
    return out;
}

/* Whether there is another user to become. */
static bool has_other_owner(const char *folder, struct stat *st)
{
    return geteuid() == 0 && stat(folder, st) == 0 && st->st_uid != 0;
}

static bool fail(char *error, const char *folder, uid_t uid, int problem)
{
    char name[64];
    snprintf(error, MAINTENANCE_ERROR, "%.200s belongs to user %s: run this command as that user (%s)", folder,
             name_of(uid, name), strerror(problem));
    return false;
}

/* A folder that is made for the command belongs to whom the command works as. */
static void make_for(const char *folder, uid_t uid, gid_t gid)
{
    if (mkdir(folder, 0700) != 0)
        return;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, uid, gid) != 0)
        (void)rmdir(folder);
    if (fd >= 0)
        close(fd);
}

static bool may(const char *other, int how, const char *folder, uid_t uid, char *error)
{
    char name[64];
    if (!other || access(other, how) == 0)
        return true;
    int problem = errno; /* looking the name up has errors of its own */
    snprintf(error, MAINTENANCE_ERROR, "%.150s: %s; started by root, this works as user %s, whom %.150s belongs to",
             other, strerror(problem), name_of(uid, name), folder);
    return false;
}

bool folder_owner_become(const char *folder, const char *read, const char *written, char error[MAINTENANCE_ERROR])
{
    struct stat st;
    if (!has_other_owner(folder, &st))
        return true;
    const struct passwd *who = getpwuid(st.st_uid);
    gid_t gid = who ? who->pw_gid : st.st_gid;
    if (written)
        make_for(written, st.st_uid, gid);
    bool good = (who ? initgroups(who->pw_name, gid) : setgroups(0, NULL)) == 0 && setresgid(gid, gid, gid) == 0 &&
                setresuid(st.st_uid, st.st_uid, st.st_uid) == 0;
    if (!good)
        return fail(error, folder, st.st_uid, errno);
    return may(read, R_OK | X_OK, folder, st.st_uid, error) &&
           may(written, R_OK | W_OK | X_OK, folder, st.st_uid, error);
}

static bool keep_groups(void)
{
    free(kept.list);
    kept.list = NULL;
    kept.n = getgroups(0, NULL);
    if (kept.n < 0)
        return false;
    kept.list = xcalloc((size_t)kept.n + 1, sizeof *kept.list);
    kept.n = getgroups(kept.n, kept.list);
    return kept.n >= 0;
}

bool folder_owner_borrow(const char *folder, char error[MAINTENANCE_ERROR])
{
    struct stat st;
    if (!has_other_owner(folder, &st))
        return true;
    if (keep_groups() && setgroups(0, NULL) == 0 && setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0)
        return true;
    int problem = errno;
    folder_owner_return();
    return fail(error, folder, st.st_uid, problem);
}

void folder_owner_return(void)
{
    /* Who was not root before, or is still, changes nothing by this. */
    if (getuid() == 0 && (seteuid(0) != 0 || setegid(getgid()) != 0 ||
                          (kept.list && kept.n >= 0 && setgroups((size_t)kept.n, kept.list) != 0)))
        fputs("pail: the system does not let this command be root again\n", stderr);
    free(kept.list);
    kept.list = NULL;
}
