package pebblestore

import (
	"math"
	"testing"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return openStore(t, t.TempDir()) })
}

func TestStoreEqualsTheModelWhateverIsDone(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			storagetest.Differential(t, storagetest.Engine{
				Open: func(dir string) (storage.Store, error) { return openBy(way.bulkFrom, Options{Dir: dir}) },
			})
		})
	}
}

// ways are the two ways that a write can go, each made to take all.
var ways = []struct {
	name     string
	bulkFrom int
}{
	{"in batches", math.MaxInt},
	{"by ingested tables", 0},
}

func openBy(bulkFrom int, o Options) (*Store, error) {
	s, err := Open(o)
	if err == nil {
		s.bulkFrom = bulkFrom
	}
	return s, err
}
