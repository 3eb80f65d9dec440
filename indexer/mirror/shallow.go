package mirror

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"keytrail/indexer/mirror/wire"
	"keytrail/storage"
)

// ErrDeepened tells that a shallow repository has got more of its history. A mirror of it, and an index, take the commits they
// have for known and would not look at what is below: Discard, and index the repository anew.
var ErrDeepened = errors.New("the history is cut elsewhere than it was")

// maxProbed is how many boundary commits are asked about at a look.
const maxProbed = 256

// readShallow reads the commits at which the history was cut (shallow in gitrepository-layout(5)).
func readShallow(dirs gitDirs) (map[storage.OID]bool, error) {
	b, err := os.ReadFile(filepath.Join(dirs.common, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the shallow file: %w", err)
	}
	cut := map[storage.OID]bool{}
	for line := range strings.Lines(string(b)) {
		oid, err := storage.ParseOID(strings.TrimSpace(line))
		if err != nil {
			return nil, fmt.Errorf("%w: the shallow file: %w", ErrCorrupt, err)
		}
		cut[oid] = true
	}
	return cut, nil
}

// isShallow reports whether the history here is cut.
func (b bare) isShallow() bool {
	_, err := os.Stat(filepath.Join(b.dir, "shallow"))
	return err == nil
}

// sortedOIDs gives the members of a set in order.
func sortedOIDs(set map[storage.OID]bool) []storage.OID {
	return slices.SortedFunc(maps.Keys(set), storage.OID.Compare)
}

// cutAt adds to the boundary what a server told with a pack. A boundary commit that is not here belongs to refs that are
// not fetched.
func (b bare) cutAt(objects *lookup, cut map[storage.OID]bool, boundary []storage.OID) error {
	all := maps.Clone(cut)
	if all == nil {
		all = map[storage.OID]bool{}
	}
	for _, oid := range boundary {
		if !all[oid] && objects.exists(oid) {
			all[oid] = true
		}
	}
	if len(all) == len(cut) {
		return nil
	}
	err := replaceFile(filepath.Join(b.dir, "shallow"), func(w *bufio.Writer) {
		for _, oid := range sortedOIDs(all) {
			fmt.Fprintln(w, oid)
		}
	})
	if err != nil {
		return fmt.Errorf("note where the history is cut: %w", err)
	}
	return nil
}

// checkBoundary asks a server that was shallow whether its history still ends where it did, which the list of refs does not
// tell. Wants that are haves too make an empty pack, and a shallow server names its boundary before it: versions 0 and 1 all of
// it, version 2 what the wants reach. A server that lets nobody ask for such commits is believed to be as it was.
func (r *Remote) checkBoundary(ctx context.Context, look *Look, version int) error {
	cut, err := readShallow(r.mirror.dirs())
	if err != nil || len(cut) == 0 || len(look.Refs) == 0 {
		return err
	}
	probed := sortedOIDs(cut)
	probed = probed[:min(len(probed), maxProbed)]
	wants := probed
	if version < 2 {
		wants = []storage.OID{look.Refs[0].OID}
	}
	got, err := r.client.Fetch(ctx, wire.FetchRequest{Wants: wants, Haves: wants}, io.Discard)
	if errors.Is(err, wire.ErrWantRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, oid := range got.Shallow {
		delete(cut, oid)
	}
	for _, oid := range probed {
		if cut[oid] {
			return fmt.Errorf("%w: commit %s has parents there now; the mirror and the index are made anew", ErrDeepened, oid)
		}
	}
	return nil
}

// checkBoundary compares where the repository ends with where it did at the look before, of this process.
func (l *Local) checkBoundary(dirs gitDirs) error {
	cut, err := readShallow(dirs)
	if err != nil {
		return err
	}
	if cut == nil {
		cut = map[storage.OID]bool{}
	}
	before := l.boundary
	l.boundary = cut
	if before == nil || maps.Equal(before, cut) {
		return nil
	}
	return fmt.Errorf("%w: the index is made anew", ErrDeepened)
}
