package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// BackUp copies an SQLite database, as it is at one moment, to a file that is not there yet, for its owner
// alone; a server may go on with it meanwhile. Indexes are built anew by this process: another program, such as
// sqlite3, would build them with a lower() that does not know umlauts, and logins would not find them.
func BackUp(ctx context.Context, databaseURL, to string) (err error) {
	path, ok := strings.CutPrefix(databaseURL, "sqlite://")
	if !ok {
		return errors.New("this is for SQLite: back up PostgreSQL with pg_dump, as a role that bypasses row security (docs/deployment.md)")
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("finding the database: %w", err)
	}
	// Made here, so that nobody else can read it at any time; VACUUM INTO takes an empty file.
	file, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("making the file of the backup: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("making the file of the backup: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to))
		}
	}()
	settings := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	opened, err := sql.Open("sqlite", "file:"+path+"?"+settings.Encode())
	if err != nil {
		return fmt.Errorf("opening %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if _, err := opened.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return fmt.Errorf("copying the database: %w", err)
	}
	return synced(to)
}

// synced waits until a file is on the disk.
func synced(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("syncing the backup: %w", err)
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("syncing the backup: %w", err)
	}
	return nil
}
