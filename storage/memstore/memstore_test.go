package memstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"keytrail/storage"
	"keytrail/storage/memstore"
	"keytrail/storage/storagetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestModelKeepsTheContract(t *testing.T) {
	storagetest.Run(t, func(*testing.T) storage.Store { return memstore.New() })
}

func TestModelFollowsRandomHistories(t *testing.T) {
	storagetest.Differential(t, storagetest.Engine{
		Open:     func(string) (storage.Store, error) { return memstore.New(), nil },
		Volatile: true,
	})
}
