package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"keytrail/daemon/config"
	"keytrail/storage"
	"keytrail/storage/pebblestore"
)

// dataDir is where a daemon keeps all it has: the index, and the mirrors of remote repositories.
type dataDir string

func (d dataDir) index() string   { return filepath.Join(string(d), "index") }
func (d dataDir) mirrors() string { return filepath.Join(string(d), "mirrors") }

// memory is how limits.memory is divided, in bytes: most of it to the graphs that tell which branches and tags contain a commit.
type memory struct {
	blocks int64 // of the index, decompressed
	graphs int64
	walk   int // for each of the walks there may be at a time
}

// leastWalk is what a walk is given at the least: less would cost more than it saves.
const leastWalk = 8 << 20

func memoryOf(l config.Limits) memory {
	share := l.Memory / 6
	return memory{blocks: share, graphs: 4 * share, walk: int(max(share/int64(l.Fetches), leastWalk))}
}

// open opens the index, making it when it is missing.
func (d dataDir) open(log zerolog.Logger, p Process, m memory) (*pebblestore.Store, error) {
	s, err := pebblestore.Open(pebblestore.Options{
		Dir:    d.index(),
		Cache:  m.blocks,
		Graphs: m.graphs,
		Log:    log,
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
	return d.open(log, p, memoryOf(config.Default().Limits))
}
