// Package migrations holds the versioned migrations of both databases. A file that
// was released is never changed; a new one follows it, in both folders.
package migrations

import "embed"

// Files are the migrations, one folder for each database.
//
//go:embed postgres/*.sql sqlite/*.sql
var Files embed.FS
