package pebblestore

import (
	"context"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
)

// checkEvery is after how many rows a scan asks whether it is still wanted.
const checkEvery = 1024

// scan calls fn for each row under a prefix, in order, until it answers false. Key and value hold until fn returns.
func (s *Store) scan(ctx context.Context, prefix []byte, fn func(k, v []byte) (bool, error)) error {
	return scanRange(ctx, s.db, prefix, after(prefix), fn)
}

func scanRange(ctx context.Context, r pebble.Reader, lower, upper []byte, fn func(k, v []byte) (bool, error)) (err error) {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("read the index: %w", err)
	}
	defer func() {
		if closed := it.Close(); err == nil && closed != nil {
			err = fmt.Errorf("read the index: %w", unread(closed))
		}
	}()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read the index: %w", unread(err))
		}
		more, err := fn(it.Key(), v)
		if err != nil || !more {
			return err
		}
	}
	return ctx.Err()
}

// rows yields what decode makes of each row under a prefix, all of one moment. It holds the index open meanwhile.
func rows[T any](ctx context.Context, s *Store, prefix []byte, decode func(v view, k, value []byte) (T, error)) iter.Seq2[T, error] {
	return viewed(ctx, s, func(v view, yield func(T, error) bool) error { return yieldRows(v, prefix, yield, decode) })
}

// viewed yields what fn yields of one view of the index, and then the error that it returns, which is one that it did not yield.
func viewed[T any](ctx context.Context, s *Store, fn func(v view, yield func(T, error) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		v, done, err := s.view(ctx)
		if err == nil {
			defer done()
			err = fn(v, yield)
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// yieldRows yields what decode makes of each row under a prefix; the error is one that was not yielded.
func yieldRows[T any](v view, prefix []byte, yield func(T, error) bool, decode func(v view, k, value []byte) (T, error)) error {
	stopped := false
	err := scanRange(v.ctx, v, prefix, after(prefix), func(k, value []byte) (bool, error) {
		row, err := decode(v, k, value)
		if err != nil {
			return false, err
		}
		stopped = !yield(row, nil)
		return !stopped, nil
	})
	if stopped {
		return nil
	}
	return err
}
