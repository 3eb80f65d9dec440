package mirror

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"keytrail/storage"
)

// Has reports whether the repository has an object, whether or not a ref reaches it. It waits for no job.
func (l *Local) Has(oid storage.OID) (bool, error) {
	dirs, err := l.locate()
	if err != nil {
		return false, l.named(err)
	}
	has, err := hasObject(dirs, oid)
	return has, l.named(err)
}

// Has reports whether an object was fetched, and is still kept, whether or not a ref reaches it. It asks no server, and waits for no job.
func (r *Remote) Has(oid storage.OID) (bool, error) {
	dirs := r.mirror.dirs()
	if _, err := os.Stat(dirs.common); errors.Is(err, fs.ErrNotExist) {
		return false, nil // nothing was fetched yet
	}
	has, err := hasObject(dirs, oid)
	return has, r.named(err)
}

func hasObject(dirs gitDirs, oid storage.OID) (bool, error) {
	l, err := newLookup(dirs)
	if err != nil {
		return false, err
	}
	return l.exists(oid), l.close()
}

// Texts gives the refspecs as git writes them.
func (r Refspecs) Texts() []string {
	texts := make([]string, len(r.list))
	for i, s := range r.list {
		texts[i] = s.text
	}
	return texts
}

// For gives the refspec that a ref which is kept under a name comes by; empty when there is none.
func (r Refspecs) For(name string) string {
	for _, s := range r.list {
		if s.prefix != "" && strings.HasPrefix(name, s.prefix) || s.prefix == "" && s.spec.DstMatches(name) {
			return s.text
		}
	}
	return ""
}
