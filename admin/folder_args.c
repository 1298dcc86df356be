/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments, the progress bar and texts of the commands that work on a data folder. Threads: the first one. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin/commands.h"
#include "base/check.h"
#include "base/clock.h"

#define REDRAW_MS 100
#define BAR_CELLS 24

static int wrong(const struct folder_args *a, const char *why, const char *what)
{
    fprintf(stderr, "pail: %s%s; `pail %s --help` tells more\n", why, what, a->command);
    return -1;
}

static int add_tier(struct folder_args *a, char *word)
{
    char *path = word ? strchr(word, '=') : NULL;
    if (!path || !path[1] || a->n_tiers == MAINTENANCE_TIERS_MAX)
        return wrong(a, "--tier takes CLASS=DIR, not ", word ? word : "nothing");
    *path++ = '\0';
    a->tiers[a->n_tiers++] = (struct maintenance_tier){word, path};
    return 0;
}

static int read_flag(struct folder_args *a, const char *flag)
{
    for (size_t i = 0; i < ARRAY_LEN(a->on) && a->flags[i]; i++)
        if (strcmp(a->flags[i], flag) == 0) {
            a->on[i] = true;
            return 0;
        }
    return wrong(a, "unknown flag ", flag);
}

int folder_args_read(struct folder_args *a, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            fputs(a->help, stdout);
            return 1;
        }
        if (strcmp(argv[i], "--tier") == 0)
            rc = add_tier(a, ++i < argc ? argv[i] : NULL);
        else if (strncmp(argv[i], "--tier=", 7) == 0)
            rc = add_tier(a, argv[i] + 7);
        else if (argv[i][0] == '-')
            rc = read_flag(a, argv[i]);
        else if (a->n_paths == a->wanted_paths)
            rc = wrong(a, "one folder too many: ", argv[i]);
        else
            a->paths[a->n_paths++] = argv[i];
        if (rc != 0)
            return rc;
    }
    return a->n_paths == a->wanted_paths ? 0 : wrong(a, "a folder is missing", "");
}

/* ---- texts ---- */

const char *size_text(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = (double)bytes;
    size_t unit = 0;
    for (; v >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        v /= 1024;
    if (unit == 0)
        snprintf(out, 32, "%" PRIu64 " B", bytes);
    else
        snprintf(out, 32, "%.1f %s", v, units[unit]);
    return out;
}

const char *key_text(struct bytes key, char out[256])
{
    size_t n = 0, i = 0;
    for (; i < key.n && n < 240; i++) {
        unsigned char c = (unsigned char)key.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            n += (size_t)snprintf(out + n, 256 - n, "\\x%02x", c);
        else
            out[n++] = (char)c;
    }
    snprintf(out + n, 256 - n, "%s", i < key.n ? "..." : "");
    return out;
}

/* ---- the bar ---- */

void progress_bar_init(struct progress_bar *b)
{
    *b = (struct progress_bar){.terminal = isatty(STDERR_FILENO) == 1};
}

void progress_bar_clear(struct progress_bar *b)
{
    if (b->shown)
        fputs("\r\033[K", stderr);
    b->shown = false;
}

static void draw_total(char *line, size_t cap, const char *what, uint64_t done, uint64_t total, const char *amount,
                       uint64_t left_s)
{
    char cells[BAR_CELLS + 1];
    unsigned full = (unsigned)(done >= total ? BAR_CELLS : (double)done / (double)total * BAR_CELLS);
    memset(cells, '.', BAR_CELLS);
    memset(cells, '#', full);
    cells[BAR_CELLS] = '\0';
    snprintf(line, cap, "%-12s [%s] %3u %%  %s, %" PRIu64 ":%02" PRIu64 " left", what, cells,
             (unsigned)(done >= total ? 100 : (double)done * 100 / (double)total), amount, left_s / 60, left_s % 60);
}

void progress_bar_tick(void *arg, const char *what, uint64_t done, uint64_t total, bool bytes)
{
    struct progress_bar *b = arg;
    char line[160], amount[80], rate_text[32], done_text[32];
    int64_t now = clock_mono_ms();
    if (!b->terminal)
        return;
    if (b->what != what) {
        b->what = what;
        b->began_ms = now;
        b->drawn_ms = 0;
    }
    if (now - b->drawn_ms < REDRAW_MS)
        return;
    b->drawn_ms = now;
    uint64_t ms = (uint64_t)(now - b->began_ms) + 1, rate = done * 1000 / ms;
    if (bytes)
        snprintf(amount, sizeof amount, "%s, %s/s", size_text(done, done_text), size_text(rate, rate_text));
    else
        snprintf(amount, sizeof amount, "%" PRIu64 ", %" PRIu64 "/s", done, rate);
    if (total)
        draw_total(line, sizeof line, what, done, total, amount, rate && total > done ? (total - done) / rate : 0);
    else
        snprintf(line, sizeof line, "%-12s %s", what, amount);
    fprintf(stderr, "\r\033[K%s", line);
    fflush(stderr);
    b->shown = true;
}
