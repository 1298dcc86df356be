/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of `pail admin`, for people and for programs. What comes from a server may hold anything: control characters
 * never reach the terminal. Threads: the first one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/commands.h"
#include "base/check.h"

const json_t *admin_at(const json_t *j, const char *path)
{
    char name[64];
    while (j && *path) {
        size_t n = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        j = json_object_get(j, name);
        path += n + (path[n] == '.');
    }
    return j;
}

static const char *list_text(const json_t *list, struct arena *a)
{
    const char *all = "";
    for (size_t i = 0; i < json_array_size(list); i++)
        all = arena_printf(a, "%s%s%s", all, i ? ", " : "", admin_text_of(json_array_get(list, i), "", ADMIN_TEXT, a));
    return *all ? all : "-";
}

const char *admin_text_of(const json_t *j, const char *path, enum admin_format format, struct arena *a)
{
    char size[32], text[256];
    const json_t *v = admin_at(j, path);
    if (json_is_array(v))
        return list_text(v, a);
    if (json_is_integer(v) && format == ADMIN_SIZE)
        return bytes_cstr(a, bytes_str(size_text((uint64_t)json_integer_value(v), size)));
    if (json_is_integer(v))
        return arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    if (json_is_real(v))
        return arena_printf(a, "%.1f", json_real_value(v));
    if (json_is_boolean(v))
        return json_is_true(v) ? "yes" : "no";
    if (json_is_string(v) && json_string_length(v))
        return bytes_cstr(a, bytes_str(key_text(bytes_of(json_string_value(v), json_string_length(v)), text)));
    return "-";
}

/* Columns that a text takes: of UTF-8, what begins a character. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
    int pad = width - width_of(text);
    if (right)
        printf("%*s%s", pad, "", text);
    else
        printf("%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", stdout);
}

static int done(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : admin_fail("the answer cannot be written");
}

int admin_print_json(json_t *j)
{
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);
    json_decref(j);
    if (text) {
        puts(text);
        explicit_bzero(text, strlen(text));
    }
    free(text);
    return text ? done() : admin_fail("no memory for the answer");
}

int admin_print_rows(struct remote_call *c, json_t *rows, const struct admin_column *columns, size_t n)
{
    if (c->json)
        return admin_print_json(rows);
    size_t n_rows = json_array_size(rows);
    const char **cells = arena_new_array(c->arena, const char *, n_rows *n + 1);
    int *widths = arena_new_array(c->arena, int, n);
    for (size_t k = 0; k < n; k++)
        widths[k] = width_of(columns[k].title);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < n; k++) {
            cells[i * n + k] = admin_text_of(json_array_get(rows, i), columns[k].path, columns[k].format, c->arena);
            int width = width_of(cells[i * n + k]);
            widths[k] = width > widths[k] ? width : widths[k];
        }
    for (size_t k = 0; k < n; k++)
        print_cell(columns[k].title, widths[k], columns[k].format == ADMIN_NUMBER || columns[k].format == ADMIN_SIZE,
                   k + 1 == n);
    for (size_t i = 0; i < n_rows; i++)
        for (size_t k = 0; k < n; k++)
            print_cell(cells[i * n + k], widths[k],
                       columns[k].format == ADMIN_NUMBER || columns[k].format == ADMIN_SIZE, k + 1 == n);
    json_decref(rows);
    return done();
}

int admin_print_one(struct remote_call *c, json_t *one, const struct admin_column *columns, size_t n)
{
    int width = 0;
    if (c->json)
        return admin_print_json(one);
    for (size_t k = 0; k < n; k++)
        width = width_of(columns[k].title) > width ? width_of(columns[k].title) : width;
    for (size_t k = 0; k < n; k++) {
        print_cell(columns[k].title, width, false, false);
        print_cell(admin_text_of(one, columns[k].path, columns[k].format, c->arena), 0, false, true);
    }
    json_decref(one);
    return done();
}

int admin_print_done(struct remote_call *c, const char *what, const char *name)
{
    char text[256];
    if (c->json)
        return admin_print_json(json_pack("{s:s,s:s?}", "done", what, "name", name));
    printf("%s %s.\n", key_text(bytes_str(name), text), what);
    return done();
}

const char *admin_duration(double seconds, struct arena *a)
{
    uint64_t s = seconds > 0 && seconds < 1e15 ? (uint64_t)seconds : 0;
    if (s < 60)
        return arena_printf(a, "%" PRIu64 " s", s);
    if (s < 3600)
        return arena_printf(a, "%" PRIu64 " min", s / 60);
    if (s < 86400)
        return arena_printf(a, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
    return arena_printf(a, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s / 3600 % 24);
}

bool admin_read_size(const char *text, uint64_t *ret)
{
    static const char *const units[] = {"", "k", "m", "g", "t", "p"};
    size_t digits = strspn(text, "0123456789");
    struct bytes unit = bytes_str(text + digits);
    if (unit.n && (unit.p[unit.n - 1] == 'B' || unit.p[unit.n - 1] == 'b'))
        unit.n--;
    if (unit.n == 2 && unit.p[1] == 'i')
        unit.n--;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (bytes_eq_str_nocase(unit, units[i]) &&
            bytes_to_u64(bytes_of(text, digits), (uint64_t)INT64_MAX >> (10 * i), ret)) {
            *ret <<= 10 * i;
            return true;
        }
    return false;
}
