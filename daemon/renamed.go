package daemon

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/storage"
)

// renaming tells operators of an integration that has got another name. A name is an integration's identity: under another one its
// repositories are new ones, beside those that the index has of it until they are forgotten.
type renaming struct {
	store       storage.Reader
	log         zerolog.Logger
	names       func() []string                    // of the integrations in force
	forgottenAt func(storage.Repository) time.Time // of a retired repository
}

// look compares what was discovered of an integration with what the index has of those that are gone.
func (n renaming) look(ctx context.Context, integration string, targets []indexer.Target) error {
	type identity struct{ hostID, name string }
	discovered := make(map[identity]storage.RepositorySpec, len(targets))
	for _, t := range targets {
		discovered[identity{t.Spec.HostID, t.Spec.Name}] = t.Spec
	}
	inForce := n.names()
	counts, forgotten := map[string]int{}, map[string]time.Time{}
	for r, err := range n.store.Repositories(ctx) {
		if err != nil {
			return err
		}
		if r.Integration == integration {
			delete(discovered, identity{r.HostID, r.Name}) // it was there before those that follow: this is its former name
		}
		if r.Integration == "" || r.RetiredAt.IsZero() || slices.Contains(inForce, r.Integration) {
			continue
		}
		spec, isThere := discovered[identity{r.HostID, r.Name}]
		if !isThere || spec.URL != r.URL && (spec.WebURL == "" || spec.WebURL != r.WebURL) {
			continue
		}
		counts[r.Integration]++
		if at := n.forgottenAt(r); at.After(forgotten[r.Integration]) {
			forgotten[r.Integration] = at
		}
	}
	for _, former := range slices.Sorted(maps.Keys(counts)) {
		n.log.Warn().Str("integration", integration).Str("former", former).Int("repositories", counts[former]).
			Time("forgotten", forgotten[former].UTC()).
			Msg("repositories of this integration are in the index under the name of one that the configuration has no longer: an integration's name " +
				"is its identity, so that they are indexed anew, and both answer until the former ones are forgotten; to have one only, give the " +
				"integration its former name again")
	}
	return nil
}
