/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One test of a `Condition` element: an operator, a key, and the values that the policy gives for it; compiled when the
 * policy is read. What the operators mean, and what an absent key does, is the table in condition.c.
 * Internal to server/iam. Threads: pure; a compiled condition is constant.
 */
#ifndef PAIL_SERVER_IAM_CONDITION_H
#define PAIL_SERVER_IAM_CONDITION_H

#include "server/iam/context.h"
#include "server/iam/wildcard.h"

enum condition_test {
    TEST_STRING,
    TEST_STRING_NOCASE,
    TEST_STRING_LIKE,
    TEST_NUMBER,
    TEST_DATE,
    TEST_BOOL,
    TEST_BINARY,
    TEST_IP,
    TEST_ARN,
    TEST_NULL,
};

enum condition_relation { REL_EQUAL, REL_LESS, REL_LESS_EQUAL, REL_GREATER, REL_GREATER_EQUAL };
enum condition_quantifier { FOR_THE_VALUE, FOR_ALL_VALUES, FOR_ANY_VALUE };

/* A decimal number, exact to nine places: enough for versions, ages, days and counts. */
struct decimal {
    int64_t whole; /* rounded towards minus infinity, so that nano is never negative */
    uint32_t nano;
};

/* An address or a range of them; v4 is kept as v4-mapped v6, so that ::ffff:1.2.3.4 and 1.2.3.4 are one. */
struct ip_range {
    unsigned char addr[16];
    unsigned bits; /* of 128 */
    bool v4;
};

struct condition_value {
    union {
        struct wild string;
        struct arn_pattern *arn; /* apart: lists of numbers may be long */
        struct decimal number;
        int64_t date_ms;
        bool boolean;
        struct bytes binary;
        struct ip_range ip;
    };
    bool never; /* can match nothing: what ought to be an ARN is none */
};

struct iam_condition {
    enum condition_test test;
    enum condition_relation relation;
    enum condition_quantifier quantifier;
    bool negated, if_exists;
    struct iam_key key;
    struct condition_value *values;
    size_t n;
};

/* Fills in all but key and values. False: no operator of this name. */
bool condition_operator(struct bytes name, struct iam_condition *ret);
/* One value as the policy writes it. False: not a value for this operator. `variables`: they are more than text. */
bool condition_value(struct arena *, const struct iam_condition *, struct bytes text, bool variables,
                     struct condition_value *ret);
bool condition_holds(const struct iam_condition *, const struct iam_context *);

/* wild_name_f and wild_value_f for policy variables: names are condition keys, values those of the request. */
wild_name_f condition_variable_name;
wild_value_f condition_variable_value;

/* Parsers of values, for policies and requests alike. */
bool decimal_parse(struct bytes text, struct decimal *ret);
bool policy_date_parse(struct bytes text, int64_t *ret_ms);
bool ip_range_parse(struct bytes text, struct ip_range *ret);

#endif
