package packfile

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"keytrail/storage"
)

// TestEveryNameIsFoundAndNoOther also has names that somebody chose to be as uneven as can be.
func TestEveryNameIsFoundAndNoOther(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	shapes := map[string]func(i int, oid *storage.OID){
		"even": func(_ int, oid *storage.OID) {
			for j := range oid {
				oid[j] = byte(rnd.Uint32())
			}
		},
		"one prefix": func(i int, oid *storage.OID) { binary.BigEndian.PutUint64(oid[12:], uint64(i)) },
		"powers":     func(i int, oid *storage.OID) { oid[1+i/8%19] = 1 << (i % 8) },
		"two heaps": func(i int, oid *storage.OID) {
			oid[1] = byte(i%2) * 0xff
			binary.BigEndian.PutUint32(oid[5:], uint32(i))
		},
	}
	for shape, draw := range shapes {
		t.Run(shape, func(t *testing.T) {
			names := make([]storage.OID, 152)
			for i := range names {
				draw(i, &names[i])
			}
			slices.SortFunc(names, storage.OID.Compare)
			var entries []written
			for _, oid := range names {
				entries = append(entries, written{oid: oid, bytes: []byte{0x10}})
			}
			_, idxData := files(entries...)
			x, err := newIndex(idxData)
			if err != nil {
				t.Fatal(err)
			}
			for i := range names {
				if pos, ok := x.find(&names[i]); !ok || int(pos) != i {
					t.Errorf("%s is at %d, found %v at %d", names[i], i, ok, pos)
				}
				other := names[i]
				other[10] ^= 0x55
				if _, ok := x.find(&other); ok {
					t.Errorf("%s is found and not there", other)
				}
			}
		})
	}
}

func TestAnOffsetBeyondItsTableIsNoOffset(t *testing.T) {
	x := &index{version: 2, offsetStride: 4, offsets: []byte{0x80, 0, 0, 1}, large: make([]byte, 8)}
	if at := x.offset(0); at != -1 {
		t.Errorf("it is %d", at)
	}
	x.large = binary.BigEndian.AppendUint64(x.large, 5<<32)
	if at := x.offset(0); at != 5<<32 {
		t.Errorf("it is %d", at)
	}
}
