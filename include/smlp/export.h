#pragma once

#define SMLP_API __attribute__((visibility("default")))
