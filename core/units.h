#pragma once
#include "core/format.h"
