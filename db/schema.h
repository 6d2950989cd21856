// The tables of a study file, their versions and migrations.
#pragma once

#include <cstdint>

#include "db/sqlite.h"

namespace concertina {

int64_t latest_schema();

// The file's schema version. InputError when it is not a study or needs a newer program.
int64_t check_schema(const Connection& connection);

// Migrates the file from schema `from` (0: empty) to `to`, in one transaction.
void migrate_schema(const Connection& connection, int64_t from, int64_t to = latest_schema());

}  // namespace concertina
