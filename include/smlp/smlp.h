// The whole public API.
#pragma once

#include "smlp/batcher.h"
#include "smlp/error.h"
#include "smlp/image.h"
#include "smlp/model.h"
#include "smlp/precision.h"
#include "smlp/prediction.h"
#include "smlp/preprocess.h"
#include "smlp/session.h"
