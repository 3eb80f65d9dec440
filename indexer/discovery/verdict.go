package discovery

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"keytrail/indexer/host"
)

// ErrImplausible is an answer that a host gave with success and that is probably wrong: a token that lost its rights sees an
// empty account, a host in trouble forgets half of what it has. It is not believed at once.
var ErrImplausible = errors.New("the host's answer is not plausible")

// fewest is how many repositories there must have been for a loss of more than half of them to be implausible. To lose all is
// implausible at any number.
const fewest = 5

// doubt is an implausible answer that has not been believed yet.
type doubt struct {
	selected []string  // the host's ids, sorted
	times    int       // how often it was given, an interval or more apart
	counted  time.Time // the last time
}

// judge refuses an answer that cannot be believed yet. before holds the host's ids of what was good.
func (d *Discoverer) judge(in *integration, found host.Discovery, before map[string]bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	ids := make([]string, len(found.Selected))
	lost := len(before)
	for i, r := range found.Selected {
		ids[i] = r.ID
		if before[r.ID] {
			lost--
		}
	}
	isWish := in.trusted != "" && in.trusted != in.source.Selection && len(ids) > 0
	isPlausible := lost == 0 || len(ids) > 0 && (len(before) < fewest || lost <= len(before)/2)
	if in.accept || isWish || isPlausible {
		return nil
	}
	slices.Sort(ids)
	now := d.now()
	switch {
	case in.doubt.times == 0 || !slices.Equal(ids, in.doubt.selected):
		in.doubt = doubt{selected: ids, times: 1, counted: now}
	case now.Sub(in.doubt.counted) >= d.limits.Interval:
		in.doubt.times++
		in.doubt.counted = now
	}
	if in.doubt.times >= d.limits.Confirmations {
		d.log.Warn().Str("integration", in.source.Name).Int("times", in.doubt.times).Int("lost", lost).
			Msg("an implausible answer is believed: it has been given often enough")
		return nil
	}
	given := fmt.Sprintf("are not among the %d it gives", len(ids))
	if len(ids) == 0 && len(found.Listed) > 0 {
		given = fmt.Sprintf("are left out by the filter, as all of the %d it lists are: correct the filter if that is not meant", len(found.Listed))
	}
	return fmt.Errorf("%w: %d of the %d repositories known before %s; they stay until it has said so %d times, "+
		"an interval apart (now %d), or somebody accepts it: POST /api/v1/integrations/%s/discover {\"accept\": true}",
		ErrImplausible, lost, len(before), given, d.limits.Confirmations, in.doubt.times, in.source.Name)
}

// believed notes an answer that has been taken over.
func (d *Discoverer) believed(in *integration, found host.Discovery) {
	d.mu.Lock()
	defer d.mu.Unlock()
	in.doubt, in.accept, in.trusted = doubt{}, false, in.source.Selection
	s := &in.state
	s.LastSuccess = d.now()
	s.Listed, s.Selected, s.Archived, s.Disabled = len(found.Listed), len(found.Selected), 0, 0
	for _, r := range found.Selected {
		if r.Archived {
			s.Archived++
		}
		if r.Disabled {
			s.Disabled++
		}
	}
}
