package daemon

import (
	"context"
	"time"

	"keytrail/indexer"
)

// trimEvery is how often changes are forgotten that are older than the feed's retention.
const trimEvery = time.Hour

// trimFeed has the index forget old changes until ctx ends.
func (d *daemon) trimFeed(ctx context.Context) error {
	tick := time.NewTicker(trimEvery)
	defer tick.Stop()
	for {
		if err := d.forgetChanges(ctx); err != nil && ctx.Err() == nil {
			d.indexer.CountError(indexer.Classify(err))
			d.log.Error().Err(err).Msg("old changes of the feed could not be forgotten")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// forgetChanges has the index forget the changes that are older than the retention in force.
func (d *daemon) forgetChanges(ctx context.Context) error {
	return d.store.TrimFeed(ctx, time.Now().Add(-time.Duration(d.retention.Load())))
}
