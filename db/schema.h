// The tables of a study file and their versions. Private to db/.
#pragma once

#include <cstdint>

#include "db/sqlite.h"

namespace concertina {

int64_t latest_schema();

// Throws InputError when the file is no study or needs a newer program; returns its schema version.
int64_t check_schema(const Connection& connection);

// Brings the file from schema `from` (0: empty) to `to`, in one transaction.
void migrate_schema(const Connection& connection, int64_t from, int64_t to = latest_schema());

}  // namespace concertina
