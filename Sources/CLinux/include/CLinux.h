// SPDX-License-Identifier: Apache-2.0
#ifndef WEIR_CLINUX_H
#define WEIR_CLINUX_H
#endif
