/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query protocol. A request goes: form, action, caller, parameters, permission, handler; what fails first is what
 * the client is told. Parameters are checked by one table for all actions, in AWS's words.
 *
 * Invariants: no handler runs before the body's hash was part of a verified signature, except those that say
 * QUERY_ANONYMOUS; none runs without a decision of iam_decide, except those that say ON_OWN_RULES and decide
 * themselves. Threads: workers; query_respond_error: the loop.
 */
#include "server/iam/query.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "server/api/tag_set.h"
#include "server/facts.h"
#include "server/ops.h"
#include "server/server.h"

#define PARAMS_MAX  4096 /* of a form */
#define QUOTED_MAX  256  /* bytes of a parameter in a message */
#define MESSAGE_MAX 2048

static const char *const namespaces[] = {"https://iam.amazonaws.com/doc/2010-05-08/",
                                         "https://sts.amazonaws.com/doc/2011-06-15/"};
static const char *const versions[] = {"2010-05-08", "2011-06-15"};

/* ---- errors ---- */

/* A message quotes what clients send, and may have cut it: what XML cannot say becomes a question mark. */
static struct bytes presentable(struct arena *a, const char *text)
{
    struct bytes copy = bytes_dup(a, bytes_str(text));
    bool valid = utf8_valid(copy);
    for (char *p = (char *)copy.p; p < copy.p + copy.n; p++) {
        unsigned char ch = (unsigned char)*p;
        if ((ch < 0x20 && !strchr("\t\n\r", ch)) || ch == 0x7f || (ch >= 0x80 && !valid))
            *p = '?';
    }
    return copy;
}

void query_set_error(struct query_call *c, int status, const char *code, const char *fmt, ...)
{
    char text[MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    c->status = status;
    c->code = code;
    c->message = presentable(c->arena, text);
}

void query_set_store_error(struct query_call *c, int rc)
{
    log_error("iam", "%s %s: %s", c->req->id, c->action ? c->action->name : "query", store_rc_name(rc));
    if (rc == STORE_UNAVAILABLE || rc == STORE_BUSY)
        query_set_error(c, 503, "ServiceUnavailable", "The request has failed due to a temporary failure.");
    else
        query_set_error(c, 500, "ServiceFailure", "The request processing has failed because of an unknown error.");
}

void query_set_policy_error(struct query_call *c, const struct iam_policy_error *e)
{
    const char *code = e->fault == IAM_POLICY_BAD_CHARACTER ? "ValidationError" : "MalformedPolicyDocument";
    int status = 400;
    if (e->fault == IAM_POLICY_TOO_LARGE && c->service == QUERY_STS) {
        code = "PackedPolicyTooLarge";
    } else if (e->fault == IAM_POLICY_TOO_LARGE) {
        code = "LimitExceeded";
        status = 409;
    }
    query_set_error(c, status, code, "%.*s", (int)e->message.n, e->message.p);
}

/* What the request's own steps refuse, in the words of IAM. */
static void translate(const struct req *r, int *status, const char **code, const char **message)
{
    static const struct {
        const char *s3, *code;
        int status;
        const char *message;
    } rows[] = {
        {"InvalidAccessKeyId", "InvalidClientTokenId", 403, "The security token included in the request is invalid."},
        {"InvalidToken", "InvalidClientTokenId", 403, "The security token included in the request is invalid."},
        {"ExpiredToken", "ExpiredToken", 403, "The security token included in the request is expired"},
        {"SignatureDoesNotMatch", "SignatureDoesNotMatch", 403,
         "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
         "Key and signing method. Consult the service documentation for details."},
        {"XAmzContentSHA256Mismatch", "SignatureDoesNotMatch", 403,
         "The hash of the body is not the one that was signed."},
        {"AuthorizationHeaderMalformed", "IncompleteSignature", 400, NULL},
        {"AuthorizationQueryParametersError", "IncompleteSignature", 400, NULL},
        {"InternalError", "ServiceFailure", 500, NULL},
        {"SlowDown", "Throttling", 400, "Rate exceeded"},
        {"MaxMessageLengthExceeded", "RequestEntityTooLarge", 413, NULL},
    };
    *status = r->err.status ? r->err.status : s3_error_status(r->err.code);
    *code = s3_error_code(r->err.code);
    *message = r->err.message ? r->err.message : s3_error_message(r->err.code);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (strcmp(*code, rows[i].s3) != 0)
            continue;
        *status = r->err.status ? r->err.status : rows[i].status;
        *code = rows[i].code;
        *message = rows[i].message ? rows[i].message : *message;
        return;
    }
}

void query_respond_error(struct req *r)
{
    const struct query_call *c = r->query_call;
    struct resp *resp = &r->resp;
    int status;
    const char *code, *message;
    translate(r, &status, &code, &message);
    struct bytes text = bytes_str(message);
    if (c && c->code) {
        status = c->status;
        code = c->code;
        text = c->message;
    }
    resp->status = status;
    resp->content_type = "text/xml";
    buf_reset(&resp->headers);
    resp_header(r, "x-amzn-RequestId", bytes_str(r->id));
    buf_reset(&resp->doc);
    buf_printf(&resp->doc, "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type>", namespaces[c ? c->service : QUERY_IAM],
               status >= 500 ? "Receiver" : "Sender");
    xml_element(&resp->doc, "Code", bytes_str(code));
    xml_element(&resp->doc, "Message", text);
    buf_put_str(&resp->doc, "</Error>");
    xml_element(&resp->doc, "RequestId", bytes_str(r->id));
    buf_put_str(&resp->doc, "</ErrorResponse>");
    resp->body = buf_bytes(&resp->doc);
    resp->length = resp->body.n;
}

/* ---- parameters ---- */

/* What a parameter may consist of; the patterns are those of AWS's model of the services. */
enum rule {
    RULE_TEXT,
    RULE_CHARS,       /* letters, digits, _, and those of `more` */
    RULE_PATH,        /* / or /.../ */
    RULE_POLICY_PATH, /* the same of fewer characters */
    RULE_PREFIX,      /* /... */
    RULE_LATIN,       /* up to U+00FF, without control characters but tabs and line ends */
    RULE_DESCRIPTION, /* the same without some more */
    RULE_LINE,        /* the same without tabs and line ends */
    RULE_PRINTABLE,   /* without control characters but tabs and line ends */
    RULE_VERSION,     /* v12 */
    RULE_ACTION,      /* service:name */
    RULE_TAG_KEY,
    RULE_NUMBER,
    RULE_CHOICE, /* one of `more`: "|A|B|" */
    RULE_BOOL,
};

static const char *const patterns[] = {
    [RULE_PATH] = "(\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)",
    [RULE_POLICY_PATH] = "((/[A-Za-z0-9\\.,\\+@=_-]+)*)/",
    [RULE_PREFIX] = "\\u002F[\\u0021-\\u007F]*",
    [RULE_LATIN] = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+",
    [RULE_DESCRIPTION] = "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*",
    [RULE_LINE] = "[\\u0020-\\u00FF]+",
    [RULE_PRINTABLE] = "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]+",
    [RULE_VERSION] = "v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?",
    [RULE_ACTION] = "[\\w-]+:[\\w-]+",
    [RULE_TAG_KEY] = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+",
    [RULE_BOOL] = NULL,
};

#define NAME_CHARS "+=,.@-"
#define SHORT_NAMES                                                                                                    \
    "|CreateUser|AttachUserPolicy|DetachUserPolicy|ListAttachedUserPolicies|PutUserPermissionsBoundary|"               \
    "DeleteUserPermissionsBoundary|"
#define ENTITY_LISTS "|ListUsers|ListGroups|ListRoles|"
#define TOKEN_CALLS  "|GetSessionToken|GetFederationToken|"
#define WEB_IDENTITY "|AssumeRoleWithWebIdentity|"
#define ANY_LENGTH   (QUERY_BODY_MAX)

/* The first row that has the name, and is about the action, counts. */
static const struct rule_row {
    const char *name;
    enum rule rule;
    uint64_t min, max;   /* characters, or of the number */
    const char *more;    /* see the rule */
    size_t members;      /* a list: at most that many; 0: none */
    const char *actions; /* NULL: all */
} rules[] = {
    {"UserName", RULE_CHARS, 1, 64, NAME_CHARS, 0, SHORT_NAMES},
    {"UserName", RULE_CHARS, 1, 128, NAME_CHARS, 0, NULL},
    {"NewUserName", RULE_CHARS, 1, 64, NAME_CHARS, 0, NULL},
    {"GroupName", RULE_CHARS, 1, 128, NAME_CHARS, 0, NULL},
    {"NewGroupName", RULE_CHARS, 1, 128, NAME_CHARS, 0, NULL},
    {"RoleName", RULE_CHARS, 1, 64, NAME_CHARS, 0, NULL},
    {"PolicyName", RULE_CHARS, 1, 128, NAME_CHARS, 0, NULL},
    {"Path", RULE_POLICY_PATH, 1, 512, NULL, 0, "|CreatePolicy|"},
    {"Path", RULE_PATH, 1, 512, NULL, 0, NULL},
    {"NewPath", RULE_PATH, 1, 512, NULL, 0, NULL},
    {"PathPrefix", RULE_PREFIX, 1, 512, NULL, 0, ENTITY_LISTS},
    {"PathPrefix", RULE_PATH, 1, 512, NULL, 0, "|ListEntitiesForPolicy|"},
    {"PathPrefix", RULE_POLICY_PATH, 1, 512, NULL, 0, NULL},
    {"PolicyArn", RULE_TEXT, 20, 2048, NULL, 0, NULL},
    {"PolicySourceArn", RULE_TEXT, 20, 2048, NULL, 0, NULL},
    {"PermissionsBoundary", RULE_TEXT, 20, 2048, NULL, 0, NULL},
    {"OpenIDConnectProviderArn", RULE_TEXT, 20, 2048, NULL, 0, NULL},
    {"RoleArn", RULE_PRINTABLE, 20, 2048, NULL, 0, NULL},
    {"CallerArn", RULE_TEXT, 1, 2048, NULL, 0, NULL},
    {"ResourceOwner", RULE_TEXT, 1, 2048, NULL, 0, NULL},
    {"ResourceHandlingOption", RULE_TEXT, 1, 64, NULL, 0, NULL},
    {"PolicyDocument", RULE_LATIN, 1, IAM_POLICY_MAX_DOCUMENT, NULL, 0, NULL},
    {"AssumeRolePolicyDocument", RULE_LATIN, 1, IAM_POLICY_MAX_DOCUMENT, NULL, 0, NULL},
    {"ResourcePolicy", RULE_LATIN, 1, IAM_POLICY_MAX_DOCUMENT, NULL, 0, NULL},
    {"Policy", RULE_LATIN, 1, IAM_POLICY_MAX_SESSION, NULL, 0, WEB_IDENTITY "GetFederationToken|"},
    {"Policy", RULE_LATIN, 1, ANY_LENGTH, NULL, 0, NULL},
    {"AccessKeyId", RULE_CHARS, 16, 128, "", 0, NULL},
    {"VersionId", RULE_VERSION, 0, 32, NULL, 0, NULL},
    {"Status", RULE_CHOICE, 0, 0, "|Active|Inactive|", 0, NULL},
    {"Scope", RULE_CHOICE, 0, 0, "|All|AWS|Local|", 0, NULL},
    {"PolicyUsageFilter", RULE_CHOICE, 0, 0, "|PermissionsPolicy|PermissionsBoundary|", 0, NULL},
    {"EntityFilter", RULE_CHOICE, 0, 0, "|User|Role|Group|LocalManagedPolicy|AWSManagedPolicy|", 0, NULL},
    {"SetAsDefault", RULE_BOOL, 0, 0, NULL, 0, NULL},
    {"OnlyAttached", RULE_BOOL, 0, 0, NULL, 0, NULL},
    {"Description", RULE_TEXT, 0, 1000, NULL, 0, "|CreatePolicy|"},
    {"Description", RULE_DESCRIPTION, 0, 1000, NULL, 0, NULL},
    {"Marker", RULE_LINE, 1, 320, NULL, 0, NULL},
    {"MaxItems", RULE_NUMBER, 1, QUERY_PAGE_MAX, NULL, 0, NULL},
    {"MaxSessionDuration", RULE_NUMBER, 3600, 43200, NULL, 0, NULL},
    {"DurationSeconds", RULE_NUMBER, 900, 43200, NULL, 0, WEB_IDENTITY},
    {"DurationSeconds", RULE_NUMBER, 900, 129600, NULL, 0, TOKEN_CALLS},
    {"DurationSeconds", RULE_NUMBER, 900, 604800, NULL, 0, NULL}, /* of roles less; of MinIO's form that much */
    {"MinimumSessionTokenSize", RULE_NUMBER, 0, 4096, NULL, 0, NULL},
    {"RoleSessionName", RULE_CHARS, 2, 64, NAME_CHARS, 0, NULL},
    {"Name", RULE_CHARS, 2, 32, NAME_CHARS, 0, NULL},
    {"SourceIdentity", RULE_CHARS, 2, 64, NAME_CHARS, 0, NULL},
    {"ExternalId", RULE_CHARS, 2, 1224, "+=,.@:/-", 0, NULL},
    {"SerialNumber", RULE_CHARS, 9, 256, "+=/:,.@-", 0, NULL},
    {"TokenCode", RULE_CHARS, 6, 6, "", 0, NULL},
    {"ProviderId", RULE_TEXT, 4, 2048, NULL, 0, NULL},
    {"WebIdentityToken", RULE_TEXT, 4, 20000, NULL, 0, NULL},
    {"Url", RULE_TEXT, 1, 255, NULL, 0, NULL},
    {"ClientID", RULE_TEXT, 1, 255, NULL, 0, NULL},
    {"ClientIDList", RULE_TEXT, 1, 255, NULL, QUERY_MEMBERS, NULL},
    {"ThumbprintList", RULE_TEXT, 40, 40, NULL, QUERY_MEMBERS, NULL},
    {"TagKeys", RULE_TAG_KEY, 1, 128, NULL, IAM_MAX_TAGS, NULL},
    {"TransitiveTagKeys", RULE_TAG_KEY, 1, 128, NULL, IAM_MAX_TAGS, NULL},
    {"PolicyInputList", RULE_LATIN, 1, IAM_POLICY_MAX_DOCUMENT, NULL, QUERY_MEMBERS, NULL},
    {"PermissionsBoundaryPolicyInputList", RULE_LATIN, 1, IAM_POLICY_MAX_DOCUMENT, NULL, QUERY_MEMBERS, NULL},
    {"ActionNames", RULE_ACTION, 3, 128, NULL, QUERY_MEMBERS, NULL},
    {"ResourceArns", RULE_TEXT, 1, 2048, NULL, QUERY_MEMBERS, NULL},
};

static const struct rule_row *rule_of(const struct query_call *c, struct bytes name)
{
    char action[80];
    snprintf(action, sizeof action, "|%s|", c->action->name);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (bytes_eq_str(name, rules[i].name) && (!rules[i].actions || strstr(rules[i].actions, action)))
            return &rules[i];
    return NULL;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool all_of(struct bytes text, const char *more)
{
    for (size_t i = 0; i < text.n; i++)
        if (!is_word(text.p[i]) && !(text.p[i] && strchr(more, text.p[i])))
            return false;
    return true;
}

static bool is_path(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x21 || text.p[i] > 0x7e)
            return false;
    return text.n && text.p[0] == '/' && text.p[text.n - 1] == '/' && text.n != 2;
}

static bool is_policy_path(struct bytes text)
{
    return is_path(text) && all_of(text, "/.,+@=-") && bytes_find(text, BYTES_LIT("//"), 0) < 0;
}

static bool is_prefix(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x21)
            return false;
    return text.n && text.p[0] == '/';
}

/* Of UTF-8: up to U+00FF, from `high` on beyond ASCII. */
static bool is_latin(struct bytes text, bool lines, bool del, unsigned high)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '\t' || c == '\n' || c == '\r' ? !lines : c < 0x20 || (c == 0x7f && !del) || c > 0xc3)
            return false;
        if (c >= 0xc2 && ((c & 3u) << 6 | ((unsigned char)text.p[++i] & 0x3fu)) < high)
            return false;
    }
    return true;
}

static bool is_printable(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++)
        if (((unsigned char)text.p[i] < 0x20 && !strchr("\t\n\r", text.p[i])) || text.p[i] == 0x7f)
            return false;
    return true;
}

static bool is_version(struct bytes text)
{
    size_t i = 1;
    if (text.n < 2 || text.p[0] != 'v' || text.p[1] == '0')
        return false;
    while (i < text.n && text.p[i] >= '0' && text.p[i] <= '9')
        i++;
    return i > 1 && (i == text.n || (text.p[i] == '.' && all_of(bytes_cut(text, i + 1, text.n), "-")));
}

static bool is_action(struct bytes text)
{
    ptrdiff_t colon = bytes_find_char(text, ':', 0);
    return colon > 0 && (size_t)colon + 1 < text.n && all_of(bytes_cut(text, 0, (size_t)colon), "-") &&
           all_of(bytes_cut(text, (size_t)colon + 1, text.n), "-");
}

static bool is_tag(struct bytes key, struct bytes value)
{
    struct store_header tag = {key, value};
    enum tag_fault fault = utf8_valid(key) && utf8_valid(value) ? tag_set_check(&tag, 1, 1, NULL) : TAGS_BAD_KEY;
    return fault == TAGS_OK || fault == TAGS_RESERVED; /* reserved ones are another complaint */
}

static bool fits(const struct rule_row *row, struct bytes value)
{
    switch (row->rule) {
    case RULE_CHARS:
        return all_of(value, row->more);
    case RULE_PATH:
        return is_path(value);
    case RULE_POLICY_PATH:
        return is_policy_path(value);
    case RULE_PREFIX:
        return is_prefix(value);
    case RULE_LATIN:
        return is_latin(value, true, true, 0x80);
    case RULE_DESCRIPTION:
        return is_latin(value, true, false, 0xa1);
    case RULE_LINE:
        return is_latin(value, false, true, 0x80);
    case RULE_PRINTABLE:
        return is_printable(value);
    case RULE_VERSION:
        return is_version(value);
    case RULE_ACTION:
        return is_action(value);
    case RULE_TAG_KEY:
        return is_tag(value, BYTES_LIT(""));
    default:
        return true;
    }
}

/* UserName is userName in messages. */
static char *shown(struct query_call *c, struct bytes name)
{
    char *text = bytes_cstr(c->arena, name);
    if (*text >= 'A' && *text <= 'Z')
        *text = (char)(*text + 'a' - 'A');
    return text;
}

int query_need_master_key(struct query_call *c)
{
    if (c->ids->crypt)
        return 0;
    return query_fail(c, 503, "ServiceUnavailable",
                      "The server has no master key that opens its data, so it cannot issue keys; its log says why.");
}

static int invalid(struct query_call *c, struct bytes name, struct bytes value, const char *why)
{
    return query_fail(c, 400, "ValidationError",
                      "1 validation error detected: Value '%.*s' at '%s' failed to satisfy constraint: Member must %s",
                      (int)(value.n < QUOTED_MAX ? value.n : QUOTED_MAX), value.n ? value.p : "", shown(c, name), why);
}

static int absent(struct query_call *c, struct bytes name)
{
    return query_fail(c, 400, "ValidationError",
                      "1 validation error detected: Value null at '%s' failed to satisfy constraint: Member must not "
                      "be null",
                      shown(c, name));
}

static size_t characters(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

static int check_length(struct query_call *c, const struct rule_row *row, struct bytes name, struct bytes value)
{
    char why[80];
    size_t n = characters(value);
    if (n >= row->min && n <= row->max)
        return 0;
    bool longer = n > row->max;
    snprintf(why, sizeof why, "have length %s than or equal to %llu", longer ? "less" : "greater",
             (unsigned long long)(longer ? row->max : row->min));
    return invalid(c, name, value, why);
}

static int check_number(struct query_call *c, const struct rule_row *row, struct bytes name, struct bytes value)
{
    char why[80];
    uint64_t n;
    bool minus = value.n > 1 && value.p[0] == '-';
    if (!bytes_to_u64(minus ? bytes_cut(value, 1, value.n) : value, UINT32_MAX, &n))
        return query_fail(c, 400, "MalformedInput", "%.*s is not a number", (int)name.n, name.p);
    if (!minus && n >= row->min && n <= row->max)
        return 0;
    bool more = !minus && n > row->max;
    snprintf(why, sizeof why, "have value %s than or equal to %llu", more ? "less" : "greater",
             (unsigned long long)(more ? row->max : row->min));
    return invalid(c, name, value, why);
}

static int check_choice(struct query_call *c, const struct rule_row *row, struct bytes name, struct bytes value)
{
    char why[160];
    char *inside = arena_printf(c->arena, "|%.*s|", (int)value.n, value.n ? value.p : "");
    if (value.n && strstr(row->more, inside) && bytes_find_char(value, '|', 0) < 0)
        return 0;
    snprintf(why, sizeof why, "satisfy enum value set: [%.*s]", (int)strlen(row->more) - 2, row->more + 1);
    return invalid(c, name, value, why);
}

static int check_pattern(struct query_call *c, const struct rule_row *row, struct bytes name, struct bytes value)
{
    if (utf8_valid(value) && fits(row, value))
        return 0;
    if (row->rule == RULE_CHARS && strcmp(row->more, NAME_CHARS) == 0 && c->service == QUERY_IAM)
        return query_fail(c, 400, "ValidationError",
                          "The specified value for %s is invalid. It must contain only alphanumeric characters and/or "
                          "the following: +=,.@_-",
                          shown(c, name));
    const char *pattern = row->rule == RULE_CHARS ? arena_printf(c->arena, "[\\w%s]*", row->more)
                          : patterns[row->rule]   ? patterns[row->rule]
                                                  : "UTF-8";
    return invalid(c, name, value, arena_printf(c->arena, "satisfy regular expression pattern: %s", pattern));
}

static int check_value(struct query_call *c, const struct rule_row *row, struct bytes name, struct bytes value)
{
    switch (row->rule) {
    case RULE_NUMBER:
        return check_number(c, row, name, value);
    case RULE_CHOICE:
        return check_choice(c, row, name, value);
    case RULE_BOOL:
        if (bytes_eq_str(value, "true") || bytes_eq_str(value, "false"))
            return 0;
        return query_fail(c, 400, "MalformedInput", "%.*s is neither true nor false", (int)name.n, name.p);
    default:
        return check_length(c, row, name, value) < 0 || check_pattern(c, row, name, value) < 0 ? -1 : 0;
    }
}

static int check_list(struct query_call *c, const struct rule_row *row, struct bytes name, bool required)
{
    char why[80];
    struct bytes *list;
    size_t n = query_members(c, row->name, &list);
    if (required && n == 0 && !query_has(&c->params, row->name)) /* `Name=` is the empty list */
        return absent(c, name);
    snprintf(why, sizeof why, "have length less than or equal to %zu", row->members);
    if (n > row->members)
        return invalid(c, name, BYTES_LIT("[...]"), why);
    for (size_t i = 0; i < n; i++)
        if (check_value(c, row, name, list[i]) < 0)
            return -1;
    return 0;
}

static int check_param(struct query_call *c, struct bytes name, bool required)
{
    const struct rule_row *row = rule_of(c, name);
    struct iam_tag *tags;
    if (bytes_eq_str(name, "Tags")) {
        ptrdiff_t n = query_tags(c, "Tags", &tags);
        return n == 0 && required && !query_has(&c->params, "Tags") ? absent(c, name) : n < 0 ? -1 : 0;
    }
    CHECK(row);
    if (row->members)
        return check_list(c, row, name, required);
    struct bytes value = query_text(c, row->name);
    if (!value.p)
        return required ? absent(c, name) : 0;
    return check_value(c, row, name, value);
}

/* Every parameter that the action knows, and those it cannot do without. */
static int check_params(struct query_call *c)
{
    for (const char *p = c->action->params; *p;) {
        size_t n = strcspn(p, " ");
        bool required = n && p[n - 1] == '!';
        if (check_param(c, bytes_of(p, n - required), required) < 0)
            return -1;
        p += n;
        p += *p == ' ';
    }
    return 0;
}

struct bytes query_text(const struct query_call *c, const char *name)
{
    struct bytes v = query_value(&c->params, name);
    return v.p || !query_has(&c->params, name) ? v : BYTES_LIT("");
}

bool query_number(const struct query_call *c, const char *name, uint64_t *ret)
{
    struct bytes v = query_text(c, name);
    return v.p && bytes_to_u64(v, UINT32_MAX, ret);
}

size_t query_members(const struct query_call *c, const char *name, struct bytes **ret)
{
    struct bytes *list = arena_new_array(c->arena, struct bytes, QUERY_MEMBERS);
    char member[128];
    size_t n = 0;
    while (n < QUERY_MEMBERS) {
        snprintf(member, sizeof member, "%s.member.%zu", name, n + 1);
        struct bytes v = query_text(c, member);
        if (!v.p)
            break;
        list[n++] = v;
    }
    *ret = list;
    return n;
}

static int check_tag(struct query_call *c, const struct iam_tag *tags, size_t i)
{
    struct bytes key = tags[i].key, value = tags[i].value;
    bool bad_key = !key.p || key.n == 0 || characters(key) > 128 || !is_tag(key, BYTES_LIT(""));
    if (bad_key || !value.p || !is_tag(key, value))
        return query_fail(c, 400, "ValidationError",
                          "1 validation error detected: Value at 'tags.%zu.member.%s' failed to satisfy constraint: "
                          "Member must %s",
                          i + 1, bad_key ? "key" : "value",
                          bad_key ? "have length between 1 and 128, and satisfy regular expression pattern: "
                                    "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"
                                  : "have length less than or equal to 256, and satisfy regular expression pattern: "
                                    "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*");
    if (bytes_starts_str_nocase(key, "aws:"))
        return query_fail(c, 400, "InvalidInput", "System tags cannot be added/updated by requester.");
    for (size_t k = 0; k < i; k++)
        if (bytes_eq_nocase(tags[k].key, key))
            return query_fail(c, 400, c->service == QUERY_STS ? "InvalidParameterValue" : "InvalidInput",
                              "Duplicate tag keys found. Please note that Tag keys are case insensitive.");
    return 0;
}

ptrdiff_t query_tags(struct query_call *c, const char *name, struct iam_tag **ret)
{
    struct iam_tag *tags = arena_new_array(c->arena, struct iam_tag, IAM_MAX_TAGS + 1);
    char member[128];
    size_t n = 0;
    for (;; n++) {
        snprintf(member, sizeof member, "%s.member.%zu.Key", name, n + 1);
        struct bytes key = query_text(c, member);
        snprintf(member, sizeof member, "%s.member.%zu.Value", name, n + 1);
        struct bytes value = query_text(c, member);
        if (!key.p && !value.p)
            break;
        if (n == IAM_MAX_TAGS)
            return query_fail(c, 400, "ValidationError",
                              "1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must "
                              "have length less than or equal to %d",
                              IAM_MAX_TAGS);
        tags[n] = (struct iam_tag){key, value};
        if (check_tag(c, tags, n) < 0)
            return -1;
    }
    *ret = tags;
    return (ptrdiff_t)n;
}

/* ---- decisions ---- */

int query_authorize(struct query_call *c, struct bytes action, struct bytes arn, struct bytes account)
{
    struct iam_request q = {.action = action, .resource = arn, .resource_account = account, .context = &c->context};
    principal_fill(c->who, &q);
    struct iam_decision d = iam_decide(&q);
    if (d.allowed)
        return 0;
    struct bytes text = iam_decision_text(c->arena, &q, &d);
    return query_fail(c, 403, "AccessDenied", "%.*s", (int)text.n, text.p);
}

int query_apply(struct query_call *c, struct change *change)
{
    int rc = change_apply(change);
    return rc == STORE_OK ? 0 : query_fail_store(c, rc);
}

static const char *name_param(enum query_on on)
{
    return on == ON_USER ? "UserName" : on == ON_GROUP ? "GroupName" : "RoleName";
}

static void add_resource_tags(struct query_call *c, const json_t *record)
{
    const struct iam_tag *tags;
    size_t n;
    record_tags(c->arena, record, &tags, &n);
    for (size_t i = 0; i < n; i++) {
        struct bytes name = arena_bytesf(c->arena, "iam:ResourceTag/%.*s", (int)tags[i].key.n, tags[i].key.p);
        iam_context_set_tag(&c->context, IAM_KEY_AWS_RESOURCE_TAG, tags[i].key, tags[i].value);
        iam_context_set_named(&c->context, name, &tags[i].value, 1);
    }
}

/* The record that the action is about, when it is there already; its path is part of the ARN. */
static int find_resource(struct query_call *c, enum entity kind, struct bytes name, json_t **ret)
{
    int rc = record_get(c->ids, c->arena, key_of_entity(c->arena, kind, c->account, name), ret);
    if (rc == STORE_NO_SUCH_SETTING)
        *ret = NULL;
    else if (rc != STORE_OK)
        return query_fail_store(c, rc);
    if (*ret)
        add_resource_tags(c, *ret);
    return 0;
}

static void set_named(struct query_call *c, const char *name, struct bytes value)
{
    struct bytes *one = arena_new(c->arena, struct bytes);
    *one = value;
    if (value.n)
        iam_context_set_named(&c->context, bytes_str(name), one, 1);
}

/* user, group or role */
static int arn_of_entity(struct query_call *c, struct bytes *ret_arn)
{
    static const char *const types[] = {[ON_USER] = "user", [ON_GROUP] = "group", [ON_ROLE] = "role"};
    static const enum entity kinds[] = {[ON_USER] = ENTITY_USER, [ON_GROUP] = ENTITY_GROUP, [ON_ROLE] = ENTITY_ROLE};
    enum query_on on = c->action->on;
    struct bytes name = query_text(c, name_param(on)), path = query_text(c, "Path");
    json_t *record;
    if (!name.p && (c->action->flags & QUERY_SELF))
        name = c->who->user_name;
    if (!name.n) { /* root asks about itself */
        *ret_arn = c->who->caller.arn;
        return 0;
    }
    if (find_resource(c, kinds[on], name, &record) < 0)
        return -1;
    if (record) {
        path = record_text(record, "path");
        name = record_text(record, "name");
        set_named(c, "iam:PermissionsBoundary", record_text(record, "boundary"));
    }
    *ret_arn = iam_arn(c->arena, types[on], c->account, path, name);
    return 0;
}

static int arn_of_resource(struct query_call *c, struct bytes *ret_arn, struct bytes *ret_account)
{
    struct bytes name, path;
    json_t *record;
    *ret_account = c->account;
    switch (c->action->on) {
    case ON_USER:
    case ON_GROUP:
    case ON_ROLE:
        return arn_of_entity(c, ret_arn);
    case ON_POLICY:
        *ret_arn = query_text(c, "PolicyArn");
        if (!ret_arn->p)
            *ret_arn = iam_arn(c->arena, "policy", c->account, query_text(c, "Path"), query_text(c, "PolicyName"));
        else if (policy_arn_split(*ret_arn, ret_account, &name, &path) && bytes_eq(*ret_account, c->account))
            return find_resource(c, ENTITY_POLICY, name, &record);
        else
            *ret_account = c->account; /* AWS's own count as everybody's */
        return 0;
    case ON_PROVIDER:
        *ret_arn = query_text(c, "OpenIDConnectProviderArn");
        if (!ret_arn->p) {
            struct bytes url = query_text(c, "Url");
            if (bytes_starts(url, BYTES_LIT("https://")))
                url = bytes_cut(url, 8, url.n);
            *ret_arn = iam_arn(c->arena, "oidc-provider", c->account, BYTES_LIT("/"), url);
        }
        return 0;
    default:
        *ret_arn = BYTES_LIT("*");
        return 0;
    }
}

static int add_request_facts(struct query_call *c)
{
    struct iam_tag *tags;
    ptrdiff_t n = query_tags(c, "Tags", &tags);
    struct bytes *keys;
    if (n < 0)
        return -1;
    size_t n_keys = query_members(c, "TagKeys", &keys);
    for (ptrdiff_t i = 0; i < n; i++)
        iam_context_set_tag(&c->context, IAM_KEY_AWS_REQUEST_TAG, tags[i].key, tags[i].value);
    if (n > 0) {
        keys = arena_new_array(c->arena, struct bytes, n);
        for (n_keys = 0; n_keys < (size_t)n; n_keys++)
            keys[n_keys] = tags[n_keys].key;
    }
    iam_context_set_list(&c->context, IAM_KEY_AWS_TAG_KEYS, keys, n_keys);
    set_named(c, "iam:PolicyARN", query_text(c, "PolicyArn"));
    return 0;
}

static int decide(struct query_call *c)
{
    struct bytes arn, account;
    struct bytes action = arena_bytesf(c->arena, "%s:%s", c->service == QUERY_IAM ? "iam" : "sts", c->action->name);
    if (c->action->on == ON_OWN_RULES)
        return 0;
    if (add_request_facts(c) < 0 || arn_of_resource(c, &arn, &account) < 0)
        return -1;
    set_named(c, "iam:PermissionsBoundary", query_text(c, "PermissionsBoundary"));
    /* "*" is no ARN: only statements about everything fit */
    return query_authorize(c, action, arn.n == 1 ? BYTES_NONE : arn, account);
}

/* ---- the request ---- */

static int read_form(struct query_call *c)
{
    struct req *r = c->req;
    bool in_query = r->head.method == HTTP_GET;
    enum uri_error rc = URI_OK;
    if (in_query)
        c->params = r->query;
    else
        rc = query_parse_form(c->arena, buf_bytes(&r->body), PARAMS_MAX, &c->params);
    if (rc != URI_OK)
        return query_fail(c, 400, "MalformedQueryString", "The query string contains a syntax error.");
    return 0;
}

static const struct query_action *find_in(const struct query_action *table, struct bytes name)
{
    for (; table->name; table++)
        if (bytes_eq_str(name, table->name))
            return table;
    return NULL;
}

static int find_action(struct query_call *c)
{
    struct bytes action = query_text(c, "Action"), version = query_text(c, "Version");
    if (!action.p)
        return query_fail(c, 400, "MissingAction", "The request is missing an action.");
    c->service = bytes_eq_str(version, versions[QUERY_STS]) ? QUERY_STS : QUERY_IAM;
    if (bytes_eq_str(version, versions[c->service]) || !version.p) {
        c->action = find_in(c->service == QUERY_STS ? sts_actions : iam_actions, action);
        if (!c->action && !version.p) {
            c->action = find_in(sts_actions, action);
            c->service = c->action ? QUERY_STS : QUERY_IAM;
        }
    }
    if (c->action)
        return 0;
    size_t n = action.n < QUOTED_MAX ? action.n : QUOTED_MAX, v = version.n < 32 ? version.n : 32;
    return query_fail(c, 400, "InvalidAction", "Could not find operation %.*s for version %.*s", (int)n, action.p,
                      (int)v, v ? version.p : "");
}

static int check_caller(struct query_call *c)
{
    struct req *r = c->req;
    if (req_authenticate_body(r) < 0)
        return -1;
    c->who = r->who.principal;
    c->account = c->who->caller.account;
    if (r->who.anonymous) /* whoever is let in unsigned says who he is by other means */
        return c->action->flags & QUERY_ANONYMOUS
                   ? 0
                   : query_fail(c, 403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    const char *refused = identity_refused_here(r);
    if (refused)
        return query_fail(c, 403, "AccessDenied", "%s", refused);
    if (!bytes_eq_str(r->auth.service, c->service == QUERY_IAM ? "iam" : "sts"))
        return query_fail(c, 403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: '%s'.",
                          c->service == QUERY_IAM ? "iam" : "sts");
    /* As in AWS; but whoever signs in at the console has nothing else, and is to do there what he may. */
    bool limited = c->who->session == SESSION_USER || c->who->session == SESSION_FEDERATED;
    if (limited && c->service == QUERY_IAM && !(r->console == CONSOLE_API && c->who->session == SESSION_USER))
        return query_fail(c, 403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    return 0;
}

/* With the lock: whoever changes something in an account finds it there. */
static int check_account(struct query_call *c)
{
    struct iam_account found;
    if (c->who->caller.account.n == 0 || identities_account(c->ids, c->account, c->arena, &found))
        return 0;
    return query_fail(c, 403, "InvalidClientTokenId", "The security token included in the request is invalid.");
}

static int run(struct query_call *c)
{
    struct buf *out = c->out;
    bool alone = c->action->flags & QUERY_CHANGES, empty = c->action->flags & QUERY_VOID;
    buf_printf(out, "<%sResponse xmlns=\"%s\">", c->action->name, namespaces[c->service]);
    if (!empty)
        buf_printf(out, "<%sResult>", c->action->name);
    if (alone)
        records_lock(c->ids);
    int rc = (alone && check_account(c) < 0) || decide(c) < 0 ? -1 : c->action->handle(c);
    if (alone)
        records_unlock(c->ids);
    if (!empty)
        buf_printf(out, "</%sResult>", c->action->name);
    buf_printf(out, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", c->req->id,
               c->action->name);
    return rc;
}

const char *query_name(const struct req *r)
{
    return r->query_call && r->query_call->action ? r->query_call->action->name : NULL;
}

int query_handle(struct req *r)
{
    struct query_call *c = arena_new(r->arena, struct query_call);
    *c = (struct query_call){.req = r, .ids = r->server->identities, .arena = r->arena, .out = &r->resp.doc};
    r->query_call = c;
    iam_context_init(&c->context, r->arena);
    if (read_form(c) < 0 || find_action(c) < 0 || check_caller(c) < 0 || check_params(c) < 0)
        return -1;
    facts_collect(r, &c->context);
    if (run(c) < 0)
        return -1;
    if (r->resp.doc.failed)
        return query_fail(c, 500, "ServiceFailure", "The reply is too large.");
    r->resp.content_type = "text/xml";
    r->resp.body = buf_bytes(&r->resp.doc);
    r->resp.length = r->resp.doc.n;
    resp_header(r, "x-amzn-RequestId", bytes_str(r->id));
    return 0;
}
