// The whole public API.
#pragma once

#include "smlp/error.h"
#include "smlp/model.h"
#include "smlp/prediction.h"
#include "smlp/preprocess.h"
#include "smlp/session.h"
