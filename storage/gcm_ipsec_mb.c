/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM with Intel's Multi-Buffer Crypto library, whose code for processors with VAES, VPCLMULQDQ and AVX-512 is
 * two to three times as fast as that of OpenSSL 3.0. On others the two are alike, so it is left alone there; the
 * processor is asked before the library is, since the library does not ask whether the system saves such registers.
 *
 * Only its direct functions are used. They work on a key and a context that the caller brings and keep nothing, so
 * threads and forks need no care. The manager, from which we take their addresses, is made once and freed again; making
 * it runs the library's self-test, and what did not pass is not used.
 *
 * The library computes a tag and leaves comparing to us. It clears registers and stack itself (that is asked for too);
 * contexts hold key stream and are wiped here, like keys.
 *
 * Threads: see the header.
 */
#include "storage/gcm.h"

#ifdef PAIL_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#ifdef IMB_FEATURE_SELF_TEST_PASS

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define KEY_ALIGN 64u /* that the library wants, and does not always say in its header */
#define KEY_ROOM  ((sizeof(struct gcm_key_data) + KEY_ALIGN - 1) / KEY_ALIGN * KEY_ALIGN)
#define NEEDED                                                                                                         \
    (IMB_CPUFLAGS_AVX512_T2 | IMB_FEATURE_SAFE_DATA | IMB_FEATURE_SAFE_PARAM | IMB_FEATURE_SELF_TEST |                 \
     IMB_FEATURE_SELF_TEST_PASS)

static aes_gcm_pre_t expand;
static aes_gcm_enc_dec_t forth, back;
static bool usable;
static pthread_once_t usable_once = PTHREAD_ONCE_INIT;

static struct gcm_key *mb_key_new(const unsigned char key[GCM_KEY_BYTES])
{
    struct gcm_key_data *k = aligned_alloc(KEY_ALIGN, KEY_ROOM);
    CHECK(k);
    memset(k, 0, KEY_ROOM);
    expand(key, k);
    return (struct gcm_key *)k;
}

static void mb_key_free(struct gcm_key *key)
{
    if (key)
        OPENSSL_cleanse(key, KEY_ROOM);
    free(key);
}

static void mb_run(aes_gcm_enc_dec_t with, const struct gcm_key *key, const unsigned char *nonce, struct bytes also,
                   const void *in, size_t n, void *out, unsigned char tag[GCM_TAG_BYTES])
{
    struct gcm_context_data ctx;
    CHECK(n <= GCM_BYTES_MAX && also.n <= GCM_BYTES_MAX);
    with((const struct gcm_key_data *)key, &ctx, out, in, n, nonce, (const unsigned char *)also.p, also.n, tag,
         GCM_TAG_BYTES);
    OPENSSL_cleanse(&ctx, sizeof ctx);
}

static void mb_seal(struct gcm_key *key, const unsigned char *nonce, struct bytes also, const void *clear, size_t n,
                    unsigned char *out)
{
    mb_run(forth, key, nonce, also, clear, n, out, out + n);
}

static bool mb_open(struct gcm_key *key, const unsigned char *nonce, struct bytes also, const void *sealed, size_t n,
                    void *out)
{
    unsigned char expected[GCM_TAG_BYTES], tag[GCM_TAG_BYTES] = {0};
    memcpy(expected, (const unsigned char *)sealed + n, sizeof expected); /* before `out`, which may lie there */
    mb_run(back, key, nonce, also, sealed, n, out, tag);
    bool good = CRYPTO_memcmp(tag, expected, sizeof tag) == 0;
    if (!good && n)
        OPENSSL_cleanse(out, n);
    OPENSSL_cleanse(tag, sizeof tag); /* of bytes that somebody else chose, it would be a forger's answer */
    return good;
}

static void find(void)
{
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("vpclmulqdq"))
        return;
    IMB_MGR *m = alloc_mb_mgr(0);
    IMB_ARCH arch = IMB_ARCH_NONE;
    if (!m)
        return;
    init_mb_mgr_auto(m, &arch);
    usable = arch == IMB_ARCH_AVX512 && (m->features & NEEDED) == NEEDED && imb_get_errno(m) == 0;
    expand = m->gcm256_pre;
    forth = m->gcm256_enc;
    back = m->gcm256_dec;
    usable = usable && expand && forth && back;
    free_mb_mgr(m);
}

const struct gcm *gcm_ipsec_mb(void)
{
    static const struct gcm it = {"ipsec-mb", mb_key_new, mb_key_free, mb_seal, mb_open};
    pthread_once(&usable_once, find);
    return usable ? &it : NULL;
}

#else /* not on this kind of machine */

const struct gcm *gcm_ipsec_mb(void)
{
    return NULL;
}

#endif
