package daemon

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"keytrail/indexer"
	"keytrail/indexer/issuekey"
	"keytrail/indexer/schedule"
	"keytrail/storage"
	"keytrail/storage/memstore"
)

// twoOf are two repositories of an integration.
func twoOf(integration, at string) (targets []indexer.Target) {
	for _, id := range []string{"1", "2"} {
		targets = append(targets, indexer.Target{Spec: storage.RepositorySpec{Integration: integration, HostID: id, Name: "acme/r" + id, URL: at + "/r" + id}})
	}
	return targets
}

func TestAnIntegrationThatIsGoneAndOneThatComesBackUnderAnotherNameAreLogged(t *testing.T) {
	rules, err := issuekey.New(issuekey.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var log lockedBuffer
	store, logger := memstore.New(), zerolog.New(&log)
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	x := indexer.New(indexer.Options{
		Store: store, Mirrors: t.TempDir(), Rules: rules, Log: logger, Registerer: prometheus.NewRegistry(), Now: func() time.Time { return now },
		Limits: schedule.Limits{Total: 1, PerHost: 1, Interval: time.Hour, MaxInterval: time.Hour},
	})
	defer x.Close()
	inForce := []string{"old", "other"}
	index := announcing{x, func(string) {}, renaming{
		store: store, log: logger, names: func() []string { return inForce }, forgottenAt: x.ForgottenAt,
	}}
	discover := func(integration, at string) string {
		t.Helper()
		before := len(log.String())
		if _, err := index.SetIntegration(t.Context(), integration, twoOf(integration, at)); err != nil {
			t.Fatal(err)
		}
		return log.String()[before:]
	}
	if told := discover("old", "https://git.example.com") + discover("other", "https://git.example.com"); told != "" {
		t.Errorf("of two names for one host: %s", told)
	}
	other := twoOf("other", "https://git.example.com")
	if _, err := x.SetTargets(t.Context(), other, true); err != nil {
		t.Fatal(err)
	}
	inForce = []string{"new", "far", "other"}
	const gone = `"integration":"old","repositories":2,"forgotten":"2026-11-08T12:00:00Z"`
	if told := log.String(); strings.Count(told, gone) != 1 || strings.Contains(told, `"integration":"other"`) {
		t.Errorf("the log lacks %s: %s", gone, told)
	}
	if told := discover("far", "https://git.example.org"); told != "" {
		t.Errorf("of another host: %s", told)
	}
	const renamed = `"integration":"new","former":"old","repositories":2,"forgotten":"2026-11-08T12:00:00Z"`
	if told := discover("new", "https://git.example.com"); !strings.Contains(told, renamed) || !strings.Contains(told, "former name again") {
		t.Errorf("the log lacks %s: %s", renamed, told)
	}
	if told := discover("new", "https://git.example.com"); told != "" {
		t.Errorf("it is told again: %s", told)
	}
	if _, err := x.SetTargets(t.Context(), other, true); err != nil {
		t.Fatal(err)
	}
	inForce = []string{"old", "other"}
	if told := discover("old", "https://git.example.com"); told != "" {
		t.Errorf("of the former name that is back: %s", told)
	}
}
