package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"keytrail/storage"
	"keytrail/storage/pebblestore"
)

// dataDir is where a daemon keeps all it has: the index, and the mirrors of remote repositories.
type dataDir string

func (d dataDir) index() string   { return filepath.Join(string(d), "index") }
func (d dataDir) mirrors() string { return filepath.Join(string(d), "mirrors") }

// open opens the index, making it when it is missing.
func (d dataDir) open(log zerolog.Logger, p Process) (*pebblestore.Store, error) {
	s, err := pebblestore.Open(pebblestore.Options{
		Dir: d.index(),
		Log: log,
		Fatal: func(err error) {
			log.Error().Err(err).Msg("the index cannot be written; stopping")
			fmt.Fprintln(p.Stderr, "keytrail:", err)
			p.Exit(exitStorage)
		},
	})
	if errors.Is(err, storage.ErrLocked) {
		return nil, fmt.Errorf("data directory %s: %w; stop the daemon that uses it, or ask that one: query, export and explain take its address with --url", d, err)
	}
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", d, err)
	}
	return s, nil
}

// openExisting is open for commands that only read: a wrong path must not become a new, empty index.
func (d dataDir) openExisting(log zerolog.Logger, p Process) (*pebblestore.Store, error) {
	if _, err := os.Stat(d.index()); errors.Is(err, fs.ErrNotExist) {
		return nil, usageError{fmt.Errorf("data directory %s holds no index; make one with: keytrail index --data %s REPO", d, d)}
	}
	return d.open(log, p)
}
