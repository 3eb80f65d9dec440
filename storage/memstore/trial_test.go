package memstore_test

import (
	"testing"

	"keytrail/storage"
	"keytrail/storage/pebblestore"
	"keytrail/storage/storagetest"
)

func TestTrialRun(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store {
		s, err := pebblestore.Open(pebblestore.Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestTrialDifferential(t *testing.T) {
	storagetest.Differential(t, storagetest.Engine{Open: func(dir string) (storage.Store, error) {
		return pebblestore.Open(pebblestore.Options{Dir: dir})
	}})
}
