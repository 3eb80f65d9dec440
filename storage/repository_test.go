package storage_test

import (
	"testing"
	"time"

	"keytrail/storage"
)

func TestARepositorysStateFollowsFromItsRecord(t *testing.T) {
	at := time.Unix(1, 0)
	failure := storage.Failure{Class: storage.ClassAuth}
	for _, c := range []struct {
		repository storage.Repository
		want       storage.State
	}{
		{storage.Repository{}, storage.StateNew},
		{storage.Repository{SeenAt: at}, storage.StateIndexed},
		{storage.Repository{Failure: failure}, storage.StateFailing},
		{storage.Repository{SeenAt: at, Failure: failure}, storage.StateFailing},
		{storage.Repository{SeenAt: at, Failure: failure, RetiredAt: at}, storage.StateRetired},
		{storage.Repository{RetiredAt: at}, storage.StateRetired},
	} {
		if have := c.repository.State(); have != c.want {
			t.Errorf("%+v: have %s, want %s", c.repository, have, c.want)
		}
	}
}
