package packfile

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"keytrail/indexer/mirror/gittest"
	"keytrail/storage"
)

// written is an entry of a pack that a test writes: its name, and its bytes with the head.
type written struct {
	oid   storage.OID
	bytes []byte
}

// head is the type and size of an entry.
func head(kind byte, size int) []byte {
	b := []byte{kind<<4 | byte(size&15)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}

func deflated(content string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(content)) // to memory
	_ = w.Close()
	return b.Bytes()
}

func whole(oid storage.OID, kind Type, content string) written {
	return written{oid, append(head(byte(kind), len(content)), deflated(content)...)}
}

func onName(oid, base storage.OID, delta string) written {
	return written{oid, slices.Concat(head(nameDelta, len(delta)), base[:], deflated(delta))}
}

func onOffset(oid storage.OID, distance []byte, delta string) written {
	return written{oid, slices.Concat(head(offsetDelta, len(delta)), distance, deflated(delta))}
}

// files gives the pack and the index of entries, whose names must ascend.
func files(entries ...written) (packData, idxData []byte) {
	packData = binary.BigEndian.AppendUint32(append(packData, "PACK\x00\x00\x00\x02"...), uint32(len(entries)))
	idxData = append(idxData, "\xfftOc\x00\x00\x00\x02"...)
	var names, offsets []byte
	var fanout [256]uint32
	for _, e := range entries {
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(len(packData)))
		packData = append(packData, e.bytes...)
		names = append(names, e.oid[:]...)
		for i := int(e.oid[0]); i < 256; i++ {
			fanout[i]++
		}
	}
	for _, n := range fanout {
		idxData = binary.BigEndian.AppendUint32(idxData, n)
	}
	sum := bytes.Repeat([]byte{7}, 20)
	packData = append(packData, sum...)
	return packData, slices.Concat(idxData, names, make([]byte, 4*len(entries)), offsets, sum, sum)
}

// stored writes a pack into an objects directory and opens it.
func stored(t *testing.T, o Options, entries ...written) (*Store, error) {
	t.Helper()
	dir := t.TempDir()
	packData, idxData := files(entries...)
	if err := os.Mkdir(filepath.Join(dir, "pack"), 0o700); err != nil {
		t.Fatal(err)
	}
	for ext, data := range map[string][]byte{".pack": packData, ".idx": idxData} {
		if err := os.WriteFile(filepath.Join(dir, "pack/pack-x"+ext), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(dir, o)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

const root = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor a <a@example.com> 1 +0000\ncommitter a <a@example.com> 1 +0000\n\nroot\n"

func TestForeignPacksEndInTypedErrors(t *testing.T) {
	a, b := storage.OID{1}, storage.OID{2}
	copyAll := func(from, to int) string { // a delta that is its base
		return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(from)), uint64(to))) + "\x90" + string([]byte{byte(len(root))})
	}
	cases := map[string]struct {
		entries []written
		want    error
	}{
		"a commit":                     {[]written{whole(a, Commit, root)}, nil},
		"a delta whose base is behind": {[]written{onName(a, b, copyAll(len(root), len(root))), whole(b, Commit, root)}, nil},
		"a blob":                       {[]written{whole(a, Blob, root)}, ErrOdd},
		"a delta of a blob":            {[]written{onName(a, b, copyAll(len(root), len(root))), whole(b, Blob, root)}, ErrOdd},
		"no commit inside":             {[]written{whole(a, Commit, "author")}, ErrCorrupt},
		"a parent that is no name":     {[]written{whole(a, Commit, strings.Replace(root, "author", "parent "+strings.Repeat("x", 40)+"\nauthor", 1))}, ErrCorrupt},
		"a type that is reserved":      {[]written{whole(a, 5, root)}, ErrCorrupt},
		"a size too small":             {[]written{{a, append(head(1, 5), deflated(root)...)}}, ErrCorrupt},
		"a size too large":             {[]written{{a, append(head(1, 500), deflated(root)...)}}, ErrCorrupt},
		"a size beyond the limit":      {[]written{{a, append(head(1, 5000), deflated(root)...)}}, ErrTooLarge},
		"a size without end":           {[]written{{a, bytes.Repeat([]byte{0x9f}, 50)}}, ErrCorrupt},
		"no zlib stream":               {[]written{{a, append(head(1, 5), "abcdefghijkl"...)}}, ErrCorrupt},
		"a delta of itself":            {[]written{onName(a, a, copyAll(len(root), len(root)))}, ErrCorrupt},
		"deltas of each other":         {[]written{onName(a, b, copyAll(9, 9)), onName(b, a, copyAll(9, 9))}, ErrCorrupt},
		"a base that is nowhere":       {[]written{onName(a, storage.OID{9}, copyAll(9, 9))}, ErrNotFound},
		"a base before the pack":       {[]written{onOffset(a, []byte{100}, copyAll(9, 9))}, ErrCorrupt},
		"a base at no distance":        {[]written{onOffset(a, []byte{0}, copyAll(9, 9))}, ErrCorrupt},
		"a distance without end":       {[]written{onOffset(a, bytes.Repeat([]byte{0xff}, 20), copyAll(9, 9))}, ErrCorrupt},
		"a delta of another base":      {[]written{onName(a, b, copyAll(len(root)-1, len(root))), whole(b, Commit, root)}, ErrCorrupt},
		"a delta that makes too much":  {[]written{onName(a, b, copyAll(len(root), 5000)), whole(b, Commit, root)}, ErrTooLarge},
		"a delta that ends early":      {[]written{onName(a, b, copyAll(len(root), len(root)+1)), whole(b, Commit, root)}, ErrCorrupt},
		"a delta that is cut short":    {[]written{onName(a, b, "\x80"), whole(b, Commit, root)}, ErrCorrupt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, err := stored(t, Options{MaxObject: 1000}, c.entries...)
			if err != nil {
				t.Fatal(err)
			}
			for _, isSwept := range []bool{false, true} {
				if err := walkOf(t, s, a, isSwept); !errors.Is(err, c.want) {
					t.Errorf("swept %v: %v, want %v", isSwept, err, c.want)
				}
			}
		})
	}
}

// walkOf walks from one tip, one by one or in chunks from the first commit on.
func walkOf(t testing.TB, s *Store, tip storage.OID, isSwept bool) error {
	t.Helper()
	w, err := newWalk(s, nil, WalkOptions{Workers: 1, Memory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.unpin(w.set) }()
	if err := w.start([]storage.OID{tip}); err != nil {
		return err
	}
	seen := map[storage.OID]bool{}
	yield := func(b *Batch, _ error) bool {
		for _, c := range b.Commits {
			if seen[c.OID] {
				t.Errorf("commit %s came twice", c.OID)
			}
			seen[c.OID] = true
		}
		b.Release()
		return true
	}
	if isSwept {
		w.frontier.found += 1000 // as if so many were found, which allows to decode as many on suspicion
		return w.sweep(t.Context(), yield)
	}
	return w.run(t.Context(), yield)
}

func TestDamagedIndexesAreRefused(t *testing.T) {
	packData, idxData := files(whole(storage.OID{1}, Commit, root), whole(storage.OID{2}, Commit, root))
	cases := map[string]struct {
		change func(p, x []byte) (_, _ []byte)
		want   error
	}{
		"as it was":             {func(p, x []byte) (_, _ []byte) { return p, x }, nil},
		"an empty pack":         {func(p, x []byte) (_, _ []byte) { return p[:10], x }, ErrCorrupt},
		"another signature":     {func(p, x []byte) (_, _ []byte) { p[0] = 'Q'; return p, x }, ErrCorrupt},
		"a pack of version 4":   {func(p, x []byte) (_, _ []byte) { p[7] = 4; return p, x }, ErrOdd},
		"another count":         {func(p, x []byte) (_, _ []byte) { p[11] = 3; return p, x }, ErrCorrupt},
		"another checksum":      {func(p, x []byte) (_, _ []byte) { p[len(p)-1]++; return p, x }, ErrCorrupt},
		"an index of version 3": {func(p, x []byte) (_, _ []byte) { x[7] = 3; return p, x }, ErrOdd},
		"an index cut short":    {func(p, x []byte) (_, _ []byte) { return p, x[:500] }, ErrCorrupt},
		"an index that is long": {func(p, x []byte) (_, _ []byte) { return p, append(x, 1) }, ErrCorrupt},
		"a fan-out that falls":  {func(p, x []byte) (_, _ []byte) { x[8+4*9] = 1; return p, x }, ErrCorrupt},
		"a count of billions":   {func(p, x []byte) (_, _ []byte) { x[8+4*255] = 0xff; return p, x }, ErrCorrupt},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p, x := c.change(bytes.Clone(packData), bytes.Clone(idxData))
			if _, err := newPack("pack-x", []mapping{{data: p}, {data: x}}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestAReverseIndexThatRepeatsItselfGivesNothingTwice(t *testing.T) {
	a, b := storage.OID{1}, storage.OID{2}
	packData, idxData := files(whole(a, Commit, root), whole(b, Commit, root))
	sum := bytes.Repeat([]byte{7}, 20)
	rev := slices.Concat([]byte("RIDX\x00\x00\x00\x01\x00\x00\x00\x01"), make([]byte, 8), sum, sum) // the first object, twice
	p, err := newPack("pack-x", []mapping{{data: packData}, {data: idxData}, {data: rev}})
	if err != nil || p.rev == nil {
		t.Fatal(p, err)
	}
	s := &Store{dir: t.TempDir(), maxObject: 1000, now: &set{packs: []*pack{p}, pinned: 2}, packed: map[string]*pack{}}
	if err := walkOf(t, s, a, true); err != nil {
		t.Errorf("the object that is named twice: %v", err)
	}
	if err := walkOf(t, s, b, true); !errors.Is(err, ErrCorrupt) {
		t.Errorf("the object that is not named: %v", err)
	}
}

// guarded puts bytes at the end of a page that is followed by one that nobody may touch, so that reading past them ends the
// test, also when it is C that reads.
func guarded(t testing.TB, b []byte) []byte {
	t.Helper()
	page := os.Getpagesize()
	n := (len(b) + page - 1) / page * page
	m, err := syscall.Mmap(-1, 0, n+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(m) })
	if err := syscall.Mprotect(m[n:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	at := m[n-len(b) : n : n]
	copy(at, b)
	return at
}

// FuzzWalk walks and reads packs that were changed at some bytes: whatever comes out of it, it comes without a panic, without a
// read beyond the file, and within the limits of memory. Each edit is four bytes: the file, where in it, and what is
// changed there.
func FuzzWalk(f *testing.F) {
	bases := fuzzBases(f)
	for i := range bases {
		f.Add(uint8(i), uint8(0), []byte{})
		f.Add(uint8(i), uint8(3), []byte{0, 0, 13, 0x20, 1, 4, 8, 1})
	}
	f.Fuzz(func(t *testing.T, base, tip uint8, edits []byte) {
		var maps []mapping
		for _, b := range bases[int(base)%len(bases)] {
			maps = append(maps, mapping{data: guarded(t, b)})
		}
		for ; len(edits) >= 4; edits = edits[4:] {
			file := maps[int(edits[0])%len(maps)].data
			file[int(binary.BigEndian.Uint16(edits[1:]))%len(file)] ^= edits[3]
		}
		p, err := newPack("pack-x", maps)
		if err != nil || p.index.count == 0 {
			return
		}
		s := &Store{dir: t.TempDir(), maxObject: 64 << 10, now: &set{packs: []*pack{p}, pinned: 3}, packed: map[string]*pack{}}
		only := s.now
		name := storage.OID(p.index.name(uint32(int(tip) % p.index.count)))
		for _, isSwept := range []bool{false, true} {
			s.now = only
			checkError(t, walkOf(t, s, name, isSwept))
		}
		r, err := s.NewReader()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for pos := range uint32(min(p.index.count, 50)) {
			oid := storage.OID(p.index.name(pos))
			_, content, err := r.read(only, &oid, nil)
			checkError(t, err)
			if len(content) > 64<<10 {
				t.Errorf("%d bytes of an object", len(content))
			}
		}
	})
}

// fuzzBases is packs with all kinds of entries, each a pack, an index and maybe a reverse index.
func fuzzBases(f *testing.F) (bases [][][]byte) {
	repo := gittest.Init(f)
	words := strings.Repeat("words that are the same ", 30)
	for i := range 8 {
		repo.Commit(words + string(rune('a'+i)))
	}
	for _, option := range []string{"repack.useDeltaBaseOffset=false", "pack.writeReverseIndex=true"} {
		repo.Git("-c", option, "repack", "-adfq", "--window=20")
		var base [][]byte
		for _, m := range opened(f, repo, Options{}).now.packs[0].maps {
			base = append(base, bytes.Clone(m.data))
		}
		bases = append(bases, base)
	}
	a, b := storage.OID{1}, storage.OID{2}
	cycle, index := files(onName(a, b, "\x09\x09\x90\x09"), onName(b, a, "\x09\x09\x90\x09"))
	return append(bases, [][]byte{cycle, index})
}

func checkError(t *testing.T, err error) {
	t.Helper()
	for _, known := range []error{nil, ErrCorrupt, ErrNotFound, ErrOdd, ErrTooLarge} {
		if errors.Is(err, known) {
			return
		}
	}
	t.Errorf("an error of no type: %v", err)
}
