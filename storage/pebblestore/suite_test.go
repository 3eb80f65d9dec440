package pebblestore

import (
	"testing"

	"keytrail/storage"
	"keytrail/storage/storagetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return openStore(t, t.TempDir()) })
}

func TestStoreEqualsTheModelWhateverIsDone(t *testing.T) {
	storagetest.Differential(t, storagetest.Engine{
		Open: func(dir string) (storage.Store, error) { return Open(Options{Dir: dir}) },
	})
}
