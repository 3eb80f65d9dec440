package mirror

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keytrail/storage"
)

// readGrafts reads the commits that a repository in place gives other parents than those that they name: a line each of
// info/grafts, the commit and then its parents (gitrepository-layout(5)). git log follows them, and so does a walk.
func readGrafts(dirs gitDirs) (map[storage.OID][]storage.OID, error) {
	b, err := os.ReadFile(filepath.Join(dirs.common, "info", "grafts"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the grafts: %w", err)
	}
	grafts := map[storage.OID][]storage.OID{}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		oids := make([]storage.OID, len(fields))
		for i, f := range fields {
			if oids[i], err = storage.ParseOID(f); err != nil {
				return nil, fmt.Errorf("%w: info/grafts: %w", ErrCorrupt, err)
			}
		}
		grafts[oids[0]] = oids[1:]
	}
	return grafts, nil
}
