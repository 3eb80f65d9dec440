package pebblestore

import (
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"keytrail/storage"
)

// scanWithin calls fn for the rows under a prefix, behind which a key names a repository, in order, until it answers false. The rows of
// repositories outside the scope are not read. place is the key from the repository on; it and the value hold until fn returns.
func (v view) scanWithin(prefix []byte, within storage.Scope, fn func(place, value []byte) (bool, error)) (err error) {
	it, err := v.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	defer func() {
		if closed := it.Close(); err == nil && closed != nil {
			err = fmt.Errorf("read the index: %w", unread(closed))
		}
	}()
	n, ok := 0, (within == nil || len(within) > 0) && it.First()
	for ok {
		if n++; n%checkEvery == 0 && v.ctx.Err() != nil {
			return v.ctx.Err()
		}
		k := it.Key()
		if len(k) < len(prefix)+4 {
			return fmt.Errorf("%w: a key of an issue is cut short", storage.ErrCorrupt)
		}
		id := readRepository(k[len(prefix):])
		if !within.Has(id) {
			next, _ := slices.BinarySearch(within, id)
			ok = next < len(within) && it.SeekGE(appendRepository(slices.Clip(prefix), within[next]))
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read the index: %w", unread(err))
		}
		if more, err := fn(k[len(prefix):], value); err != nil || !more {
			return err
		}
		ok = it.Next()
	}
	return v.ctx.Err()
}
