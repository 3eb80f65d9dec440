package pebblestore

import (
	"math"
	"testing"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	for i, way := range ways {
		way.toldFrom = manyAdded // so that few commits are told of in order
		t.Run(way.name, func(t *testing.T) {
			if storagetest.UnderRace && i > 0 {
				t.Skip("the goroutines are those of the first way, and of the tests below: run without the race detector")
			}
			storagetest.Run(t, func(t *testing.T) storage.Store { return openStoreBy(t, way, t.TempDir()) })
		})
	}
}

func TestStoreEqualsTheModelWhateverIsDone(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			storagetest.Differential(t, storagetest.Engine{
				Open: func(dir string) (storage.Store, error) { return openBy(way, Options{Dir: dir}) },
			})
		})
	}
}

// way is how a write goes, made to be taken by all.
type way struct {
	name     string
	bulkFrom int // see tables
	manyFrom int
	tableEnd int
	toldFrom int
}

var ways = []way{
	{"in batches", math.MaxInt, math.MaxInt, tableBytes, math.MaxInt},
	{"by ingested tables", 0, math.MaxInt, tableBytes, manyAdded},
	{"with texts written as they come", math.MaxInt, 1, tableBytes, 2},
}

func openBy(w way, o Options) (*Store, error) {
	s, err := Open(o)
	if err == nil {
		s.bulkFrom, s.manyFrom, s.tableEnd, s.toldFrom = w.bulkFrom, w.manyFrom, w.tableEnd, w.toldFrom
	}
	return s, err
}
