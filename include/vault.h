/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HashiCorp Vault's transit engine (and what speaks its HTTP API, such as OpenBao) as a key service for the keyring.
 *
 *   POST ADDRESS/v1/MOUNT/encrypt/KEY  {"plaintext": base64}    -> {"data": {"ciphertext": "vault:v1:..."}}
 *   POST ADDRESS/v1/MOUNT/decrypt/KEY  {"ciphertext": text}     -> {"data": {"plaintext": base64}}
 *
 * with X-Vault-Token, and X-Vault-Namespace where one is set. The token lies in a file that is read again for each
 * request, so an agent may replace it at any time. Address, key and mount are settings; nothing is kept here but them.
 * Threads: as key_service.h says.
 */
#ifndef PAIL_VAULT_H
#define PAIL_VAULT_H

#include <stdbool.h>

#include "key_service.h"

struct config;
struct vault;

/* NULL and an empty error: no Vault is set. NULL and one clear line: its settings are wrong. Nothing is sent yet. */
struct vault *vault_open(const struct config *, char ret_error[512]);
void vault_close(struct vault **);                             /* accepts NULL inside */
const struct key_service *vault_service(const struct vault *); /* NULL for NULL */

#endif
