/* SPDX-License-Identifier: Apache-2.0 */
/* The version of this build, as `pail --version` tells it. */
#ifndef PAIL_VERSION_H
#define PAIL_VERSION_H

#ifndef PAIL_VERSION
#define PAIL_VERSION "0.1.0"
#endif

#endif
