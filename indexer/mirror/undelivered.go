package mirror

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"keytrail/storage"
)

// undelivered remembers the refs whose objects the server was asked for and did not send: trees and blobs that its filter
// leaves out, or that it takes to be here. They are asked for again when they move. The memory outlives the process in a file
// beside the mirror; what cannot be read of it is asked for once more.
type undelivered struct {
	path string
	refs map[string]storage.OID // nil until it is read
}

// undeliveredSuffix names the file after the mirror.
const undeliveredSuffix = ".undelivered"

const (
	maxUndelivered     = 100_000  // refs; those beyond are asked for each time
	maxUndeliveredSize = 32 << 20 // bytes of the file
)

// has reports whether a ref was asked for in vain while it pointed where it does.
func (u *undelivered) has(r Ref) bool {
	if u.refs == nil {
		u.refs = readUndelivered(u.path)
	}
	oid, ok := u.refs[r.Name]
	return ok && oid == r.OID
}

// replace remembers these refs and no others.
func (u *undelivered) replace(refs []Ref) error {
	if len(refs) == 0 {
		return u.forget()
	}
	refs = refs[:min(len(refs), maxUndelivered)]
	isKnown := u.refs != nil && len(refs) == len(u.refs)
	next := make(map[string]storage.OID, len(refs))
	for _, r := range refs {
		isKnown = isKnown && u.has(r)
		next[r.Name] = r.OID
	}
	if isKnown {
		return nil
	}
	u.refs = next
	err := replaceFile(u.path, func(w *bufio.Writer) {
		for _, r := range refs {
			fmt.Fprintf(w, "%s %s\n", r.OID, r.Name)
		}
	})
	if err != nil {
		return fmt.Errorf("note the refs not delivered: %w", err)
	}
	return nil
}

// update takes over from a look which refs were not delivered, and reports whether all of them could be. What is remembered of refs
// that a partial look does not name stays.
func (u *undelivered) update(look *Look, missing []Ref) (isWhole bool, err error) {
	if look.IsPartial {
		if len(u.refs) == 0 && len(missing) == 0 {
			return true, nil
		}
		isNamed := make(map[string]bool, len(look.Refs)+len(look.Gone))
		for _, r := range look.Refs {
			isNamed[r.Name] = true
		}
		for _, name := range look.Gone {
			isNamed[name] = true
		}
		missing = slices.Clone(missing)
		for name, oid := range u.refs {
			if !isNamed[name] {
				missing = append(missing, Ref{Name: name, OID: oid})
			}
		}
	}
	return len(missing) <= maxUndelivered, u.replace(missing)
}

// packed gives the refs as they would stand in packed-refs.
func (u *undelivered) packed() packedRefs {
	if len(u.refs) == 0 {
		return nil
	}
	edits := make([]packedRef, 0, len(u.refs))
	for _, name := range slices.Sorted(maps.Keys(u.refs)) {
		edits = append(edits, packedRef{name: name, oid: u.refs[name]})
	}
	return textOf(edits)
}

// forget ends the memory.
func (u *undelivered) forget() error {
	u.refs = map[string]storage.OID{}
	return os.RemoveAll(u.path)
}

// readUndelivered gives what the file says, or nothing if it is missing or damaged.
func readUndelivered(path string) map[string]storage.OID {
	refs := map[string]storage.OID{}
	info, err := os.Stat(path)
	if err != nil || info.Size() > maxUndeliveredSize {
		return refs
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return refs
	}
	for line := range strings.Lines(string(content)) {
		hex, name, _ := strings.Cut(line, " ")
		name, isWhole := strings.CutSuffix(name, "\n")
		oid, err := storage.ParseOID(hex)
		if err != nil || !isWhole || name == "" {
			return map[string]storage.OID{}
		}
		refs[name] = oid
	}
	return refs
}

// ErrLacking tells that a server sent a pack without the commit of a branch, or without anything, as an answer that was mixed up on
// its way, or made while the server was collecting garbage.
var ErrLacking = errors.New("not all was delivered")

// maxLacking is how many looks in a row may fail for that. After them the other refs go on without.
const maxLacking = 3

// believe takes out of the refs that were not delivered those that the server's filter cannot have left out. These are branches:
// a filter leaves trees and blobs out, and a branch is a commit. Branches are asked for at every look, and the first looks at
// which one is lacking fail. So do those at which the pack has no object at all, of whatever is lacking then.
func (f *fetch) believe(missing []Ref) (rest []Ref, err error) {
	lacking := slices.IndexFunc(missing, isBranch)
	if isEmpty := f.isAsked && f.fetched.Objects == 0; lacking < 0 && isEmpty && len(missing) > 0 {
		lacking = 0
	}
	if lacking < 0 {
		f.remote.lacking = 0
		return missing, nil
	}
	if f.remote.lacking++; f.remote.lacking <= maxLacking {
		return nil, fmt.Errorf("%w: the server's pack is without %s of %q; it is asked for again at the next look",
			ErrLacking, missing[lacking].OID, missing[lacking].Name)
	}
	return slices.DeleteFunc(missing, isBranch), nil
}

func isBranch(r Ref) bool { return strings.HasPrefix(r.Name, "refs/heads/") }
