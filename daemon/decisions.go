package daemon

import (
	"context"
	"time"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/storage"
)

// followRenames moves what was decided by hand about keys of projects that were renamed to their present keys: these are what the
// key rules in force find, and what people ask for.
func (d *daemon) followRenames(ctx context.Context) {
	err := d.moveDecisions(ctx, d.rules.Load())
	if err != nil && ctx.Err() == nil {
		d.indexer.CountError(indexer.Classify(err))
		d.log.Error().Err(err).Msg("what was decided by hand could not follow renamed projects; it is tried again at the next reload or start")
	}
}

func (d *daemon) moveDecisions(ctx context.Context, rules *issuekey.Rules) error {
	type about struct {
		key storage.IssueKey
		oid storage.OID
	}
	numbers := map[about]uint64{} // of what stands
	var former, moved []storage.Association
	var present []storage.IssueKey // of each of the former
	for a, err := range d.store.Associations(ctx, storage.AssociationQuery{}) {
		if err != nil {
			return err
		}
		numbers[about{a.Key, a.OID}] = a.Number
		if now, err := rules.Canonical(string(a.Key)); err == nil && now != string(a.Key) {
			former, present = append(former, a), append(present, storage.IssueKey(now))
		}
	}
	for i, a := range former {
		key := present[i]
		moved = append(moved, storage.Association{
			Key: a.Key, OID: a.OID, Verdict: storage.VerdictClear, At: time.Now(), Reason: "its project was renamed: the key is " + string(key),
		})
		if numbers[about{key, a.OID}] > a.Number {
			continue // somebody has decided about the present key since
		}
		a.Key = key
		moved = append(moved, a)
	}
	if len(moved) == 0 {
		return nil
	}
	if _, err := d.store.Associate(ctx, moved); err != nil {
		return err
	}
	d.log.Info().Int("decisions", len(former)).Msg("what was decided by hand follows its renamed projects")
	return nil
}
